// Tests the schemes whose events are JSON objects: Discord, Twitch and X. The body of an event must begin with a brace. So no part
// of an id or timestamp can be moved into the body, and a text without a brace is no event.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { signable } from "../../../core/handshake/question.ts";
import { importSignatureKey, SignedRequest, verifyWebhookSignature } from "../../../core/signature/verify.ts";
import { type Cases, refused, refusedLater } from "../../support/scenes/certificates.ts";
import { attempt, BODY, DISCORD, ED25519, EVENTS, KEY, NOW, SCHEMES } from "../../support/scenes/signature.ts";

const DATE = "twitch-eventsub-message-timestamp";
const ID = "twitch-eventsub-message-id";
const SIGNATURE = "twitch-eventsub-message-signature";

const signWith = (content: string) => createHmac("sha256", KEY).update(content);

interface Discord {
  readonly keys?: readonly string[];
  readonly signature?: string;
  readonly timestamp?: string;
  readonly body?: string;
  readonly now?: number;
}

async function attemptDiscord({
  keys = [DISCORD.key],
  signature = DISCORD.signature,
  timestamp = String(NOW),
  body = BODY,
  now = NOW,
}: Discord = {}): Promise<string> {
  const headers = new Headers({ "x-signature-ed25519": signature, "x-signature-timestamp": timestamp });
  const imported = keys.map((key) => importSignatureKey("discord", key));
  const request = new SignedRequest(headers, new TextEncoder().encode(body), now);
  return await verifyWebhookSignature({ scheme: "discord", keys: imported, accounts: new Map(), retired: [] }, request);
}

export const cases: Cases = {
  "Discord's signatures agree with OpenSSL, during a rotation of keys too": async () => {
    const { key, otherKey, otherSignature } = DISCORD;
    assert.equal(await attemptDiscord(), "ed25519");
    assert.equal(await attemptDiscord({ keys: [otherKey, key] }), "ed25519");
    assert.equal(await attemptDiscord({ keys: [otherKey], signature: otherSignature }), "ed25519");
    assert.equal(await attemptDiscord({ keys: [key.toUpperCase()] }), "ed25519");
    for (const now of [NOW - 300, NOW + 300]) assert.equal(await attemptDiscord({ now }), "ed25519");
  },
  "Discord's signatures by another key, and over another time or body, are refused": async () => {
    const others: Discord[] = [
      { keys: [DISCORD.otherKey] },
      { signature: DISCORD.otherSignature },
      { timestamp: String(NOW + 1) },
      { body: `${BODY} ` },
      { body: BODY.replace("12.50", "12.51") },
    ];
    for (const other of others) await refusedLater("signature_mismatch", attemptDiscord(other));
    for (const now of [NOW - 301, NOW + 301]) await refusedLater("signature_stale", attemptDiscord({ now }));
  },
  "Discord's signatures have one form": async () => {
    const { signature } = DISCORD;
    const texts = [
      "",
      signature.slice(2),
      `${signature}00`,
      signature.toUpperCase(),
      `${signature}, ${signature}`,
      `0x${signature}`,
      Buffer.from(signature, "hex").toString("base64"),
      `v1a,${signature}`,
    ];
    for (const text of texts) await refusedLater("signature_malformed", attemptDiscord({ signature: text }));
    for (const timestamp of ["", `0${NOW}`, `${NOW}.0`, `${NOW}, ${NOW}`, "2023-11-14T22:13:20.1Z"]) {
      await refusedLater("signature_malformed", attemptDiscord({ timestamp }));
    }
  },
  "a digit that moves from Discord's time into the body is refused": async () => {
    const text = String(NOW);
    for (let kept = 1; kept < text.length; kept += 1) {
      const moved = { timestamp: text.slice(0, kept), body: text.slice(kept) + BODY, now: Number(text.slice(0, kept)) };
      await refusedLater("signature_malformed", attemptDiscord(moved));
    }
  },
  "Discord's key is a public key of 64 hexadecimal digits": () => {
    const import_ = (key: string) => importSignatureKey("discord", key);
    assert.equal(import_(DISCORD.key).method, "ed25519");
    const texts = ["1a", DISCORD.key.slice(1), `${DISCORD.key}0`, `0x${DISCORD.key}`, ED25519.key, KEY, "g".repeat(64)];
    for (const key of texts) assert.throws(() => import_(key), /64 hexadecimal digits/, key);
    assert.throws(() => import_(""), /empty/);
    assert.throws(() => import_(`${DISCORD.key} `), /white space/);
    assert.throws(() => import_("00".repeat(32)), /not an Ed25519 key/);
  },
  "Twitch's date has one form": async () => {
    const date = "2023-11-14T22:13:20.123456789Z";
    assert.equal(EVENTS.twitch.others[DATE], date);
    const texts = [
      "",
      String(NOW),
      "2023-11-14T22:13:20Z",
      "2023-11-14T22:13:20.Z",
      "2023-11-14T22:13:20.1234567890Z",
      "2023-11-14T22:13:20.123456789",
      "2023-11-14T22:13:20.123456789z",
      "2023-11-14t22:13:20.123456789Z",
      "2023-11-14 22:13:20.123456789Z",
      "2023-11-14T22:13:20,123456789Z",
      "2023-11-14T22:13:20.123456789+00:00",
      "2023-11-14T23:13:20.123456789+01:00",
      "+002023-11-14T22:13:20.123456789Z",
      "2023-11-14T22:13:60.123456789Z",
      "2023-13-14T22:13:20.123456789Z",
      "2023-11-14T25:13:20.123456789Z",
      `${date}, ${date}`,
      `x${date}`,
      `${date}x`,
      `${date} (UTC)`,
    ];
    for (const text of texts) {
      await refusedLater("signature_malformed", attempt("twitch", { headers: { [DATE]: text } })).catch((error) => {
        throw new Error(text, { cause: error });
      });
    }
    for (const text of ["2023-11-14T22:13:20.123456788Z", "2023-11-14T22:13:20.1Z", "2023-11-14T22:14:20.123456789Z"]) {
      await refusedLater("signature_mismatch", attempt("twitch", { headers: { [DATE]: text } }));
    }
    await refusedLater("signature_mismatch", attempt("twitch", { headers: { [ID]: "msg_2" } }));
  },
  "a part of Twitch's id, date or body cannot be taken for another part": async () => {
    const [id, date] = ["msg_1", "2023-11-14T22:13:20.123456789Z"];
    const inner = "2023-11-14T22:13:21.5Z";
    const body = `{"created_at":"${inner}","event":{}}`;
    const signature = `sha256=${signWith(id + date + body).digest("hex")}`;
    const run = (parts: { id: string; date: string; body: string }) =>
      attempt("twitch", { headers: { [ID]: parts.id, [DATE]: parts.date, [SIGNATURE]: signature }, body: parts.body });
    assert.equal(await run({ id, date, body }), "hmac");
    const whole = id + date + body;
    const start = whole.indexOf(inner);
    const later = { id: whole.slice(0, start), date: inner, body: whole.slice(start + inner.length) };
    await refusedLater("signature_malformed", run(later));
    for (const moved of [1, 2, 4]) {
      await refusedLater(
        "signature_malformed",
        run({ id: whole.slice(0, id.length + moved), date: date.slice(moved), body }),
      );
      await refusedLater(
        "signature_malformed",
        run({ id: whole.slice(0, id.length - moved), date: whole.slice(id.length - moved, id.length) + date, body }),
      );
    }
  },
  "a text that the answer to a challenge may sign is no event": async () => {
    for (const text of ["abc", "9f2c.77=", "Zm9v/YmFy+w=="]) {
      const signed = signWith(signable(text));
      const headers = { [EVENTS.x.header]: `sha256=${signed.digest("base64")}` };
      await refusedLater("signature_malformed", attempt("x", { headers, body: text }));
      // GitHub's scheme accepts this text, because GitHub's scheme does not require a brace. Therefore, a policy must not use the
      // same secret for a scheme without this rule and for the answers to challenges.
      const hub = { [EVENTS.github.header]: `sha256=${signWith(text).digest("hex")}` };
      assert.equal(await attempt("github", { headers: hub, body: text }), "hmac");
    }
    refused("challenge_is_event", () => signable(BODY));
  },
  "the body of these schemes begins with a brace": async () => {
    for (const scheme of SCHEMES) {
      const isObject = scheme === "x" || scheme === "twitch";
      for (const body of ["", "[]", ` ${BODY}`, "\ufeff{}", "x"]) {
        const code = isObject ? "signature_malformed" : "signature_mismatch";
        const { details } = await refusedLater(code, attempt(scheme, { body }));
        if (isObject) assert.deepEqual(details, { cause: "the body does not begin with {" });
      }
    }
    for (const body of ["", "[]", ` ${BODY}`]) await refusedLater("signature_malformed", attemptDiscord({ body }));
  },
};
