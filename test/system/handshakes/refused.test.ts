// Sends wrong challenges, and events that resemble challenges, to the deployed edge and to an origin without an edge. Asks Zoom's
// and X's handshakes for the signature of a forged event.

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RefusalCode } from "../../../core/refusal.ts";
import { SIGNED_SENDERS } from "../../support/signed-senders.ts";
import { HANDSHAKE_SECRETS, type Sent, startPlaces } from "./world.ts";

const stack = new AsyncDisposableStack();
let places: Awaited<ReturnType<typeof startPlaces>>;

beforeAll(async () => {
  places = await startPlaces(stack);
});
afterAll(() => stack.disposeAsync());

const json = (value: unknown) => JSON.stringify(value);
const signed = (scheme: string, body: string) => ({
  body,
  headers: SIGNED_SENDERS[scheme]?.sign(Buffer.from(body)) ?? [],
});
const get = (target: string, headers: Sent["headers"] = []): Sent => ({ target, method: "GET", headers });
const zoom = (plainToken: unknown): Sent => ({
  target: "/zoom",
  body: json({ event: "endpoint.url_validation", payload: { plainToken } }),
});
const asana = (route: string, ...values: string[]): Sent => ({
  target: `/${route}`,
  headers: values.map((value) => ["X-Hook-Secret", value] as const),
});
const meta = (query: string, path = "meta") => get(`/${path}?${query}`);
const TOKEN = `hub.verify_token=${encodeURIComponent(HANDSHAKE_SECRETS.META_VERIFY_TOKEN)}`;
const EVENT = json({ event: "meeting.deleted", payload: { account_id: "forged" } });
const NOW = Math.floor(Date.now() / 1000);

type RefusedCase = readonly [name: string, sent: Sent, code: RefusalCode, status: number];

const REFUSED: readonly RefusedCase[] = [
  [
    "Meta's wrong token",
    meta("hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess"),
    "challenge_token_mismatch",
    403,
  ],
  [
    "Meta's token in another case",
    meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN.toUpperCase()}`),
    "challenge_malformed",
    403,
  ],
  ["Meta without a token", meta("hub.mode=subscribe&hub.challenge=1"), "challenge_malformed", 403],
  ["Meta with two tokens", meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}&${TOKEN}`), "challenge_malformed", 403],
  [
    "Meta with two challenges",
    meta(`hub.mode=subscribe&hub.challenge=1&hub.challenge=2&${TOKEN}`),
    "challenge_malformed",
    403,
  ],
  ["Meta with a script", meta(`hub.mode=subscribe&hub.challenge=%3Cscript%3E&${TOKEN}`), "challenge_malformed", 403],
  ["Meta with a line break", meta(`hub.mode=subscribe&hub.challenge=a%0D%0Ab&${TOKEN}`), "challenge_malformed", 403],
  [
    "Meta with a long challenge",
    meta(`hub.mode=subscribe&hub.challenge=${"1".repeat(513)}&${TOKEN}`),
    "challenge_too_long",
    403,
  ],
  ["Meta with another mode", meta(`hub.mode=unsubscribe&hub.challenge=1&${TOKEN}`), "no_certificate", 403],
  ["a GET that is no challenge", meta("a=1"), "method_not_allowed", 405],
  [
    "Meta's challenge on another route",
    meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`, "plain"),
    "challenge_unexpected",
    405,
  ],
  [
    "Meta's challenge below the route",
    meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`, "meta/x"),
    "unknown_route",
    404,
  ],
  [
    "Okta's challenge in two headers",
    get("/okta", [
      ["X-Okta-Verification-Challenge", "a"],
      ["X-Okta-Verification-Challenge", "b"],
    ]),
    "challenge_malformed",
    403,
  ],
  [
    "Acrobat Sign with another client id",
    get("/acrobat", [["X-AdobeSign-ClientId", "CBJCHBCAABAAo8FZcAEmp"]]),
    "challenge_token_mismatch",
    403,
  ],
  ["Dropbox without a text", get("/dropbox?challenge="), "challenge_malformed", 403],
  ["Dropbox with text that is not UTF-8", get("/dropbox?challenge=%FF"), "challenge_malformed", 403],
  [
    "CloudEvents without a certificate",
    { target: "/cloudevents", method: "OPTIONS", headers: [["WebHook-Request-Origin", "a.example"]] },
    "no_certificate",
    403,
  ],
  [
    "OPTIONS of a browser",
    { target: "/cloudevents", method: "OPTIONS", headers: [["Origin", "https://a.example"]] },
    "method_not_allowed",
    405,
  ],
  ["Graph without a certificate", { target: "/graph?validationToken=a" }, "no_certificate", 403],
  ["Dropbox without the factors of its sender", get("/guarded?challenge=abc"), "no_certificate", 403],
  [
    "Dropbox with a certificate, without Basic",
    { ...get("/guarded?challenge=abc"), isCertified: true },
    "basic_missing",
    401,
  ],
  [
    "Smartsheet with a script",
    {
      target: "/smartsheet",
      headers: [["Smartsheet-Hook-Challenge", "<b>"]],
      body: json({ challenge: "<b>", webhookId: 1 }),
      isCertified: true,
    },
    "challenge_malformed",
    403,
  ],
  [
    "Slack without a signature",
    { target: "/slack", body: json({ type: "url_verification", challenge: "a" }) },
    "signature_missing",
    401,
  ],
  [
    "Slack with another body",
    { target: "/slack", ...signed("slack", "{}"), body: json({ type: "url_verification", challenge: "a" }) },
    "signature_mismatch",
    401,
  ],
  ["Twitch without a signature", { target: "/twitch", body: json({ challenge: "a" }) }, "signature_missing", 401],
  [
    "Twitch with another body",
    { target: "/twitch", ...signed("twitch", "{}"), body: json({ challenge: "a" }) },
    "signature_mismatch",
    401,
  ],
  [
    "Twitch with a script",
    { target: "/twitch", ...signed("twitch", json({ challenge: "<b>" })) },
    "challenge_malformed",
    403,
  ],
  [
    "Twitch with a long text",
    { target: "/twitch", ...signed("twitch", json({ challenge: "a".repeat(513) })) },
    "challenge_too_long",
    403,
  ],
  ["Discord without a signature", { target: "/discord", body: json({ type: 1 }) }, "signature_missing", 401],
  [
    "Discord with a wrong signature",
    { target: "/discord", ...signed("discord", json({ type: 1 })), body: json({ type: 0 }) },
    "signature_mismatch",
    401,
  ],
  [
    "an event of X that is a text which a challenge may sign",
    { target: "/x", ...signed("x", "NzQwNjk0MTktNzk0Mi00") },
    "signature_malformed",
    401,
  ],
  ["Asana after the end of its handshake", asana("asana-closed", "b537207f20cbfa02"), "challenge_closed", 403],
  ["Asana with a script", asana("asana", "<b>"), "challenge_malformed", 403],
  ["Asana with a long text", asana("asana", "a".repeat(513)), "challenge_too_long", 403],
  ["Asana with two values", asana("asana", "a", "b"), "challenge_malformed", 403],
  ["Asana's challenge on another route", asana("plain", "a"), "signature_missing", 401],
  [
    "an event of Asana that is signed with the text of a challenge",
    {
      target: "/asana",
      body: '{"events":[]}',
      headers: [
        ["X-Hook-Secret", "b537207f20cbfa02"],
        ["X-Hook-Signature", createHmac("sha256", "b537207f20cbfa02").update('{"events":[]}').digest("hex")],
      ],
    },
    "signature_mismatch",
    401,
  ],
  [
    "an event with the header of Asana's challenge and no signature",
    { target: "/asana", body: '{"events":[]}', headers: [["X-Hook-Secret", "b537207f20cbfa02"]] },
    "signature_missing",
    401,
  ],
  ["Zoom with a wrong signature", { ...zoom("abc"), headers: signed("zoom", "{}").headers }, "signature_mismatch", 401],
  [
    "Zoom with a signature, without its timestamp",
    { ...zoom("abc"), headers: [["x-zm-signature", `v0=${"0".repeat(64)}`]] },
    "signature_missing",
    401,
  ],
  ["Zoom without a text beside another sender", { ...zoom(undefined), target: "/beside" }, "challenge_malformed", 403],
  ["Zoom without a text", zoom(undefined), "challenge_malformed", 403],
  ["Zoom with an object", zoom({ a: 1 }), "challenge_malformed", 403],
  ["Zoom with a long text", zoom("a".repeat(513)), "challenge_too_long", 403],
  ["Zoom on another route", { ...zoom("abc"), target: "/plain" }, "signature_missing", 401],
  [
    "Zoom in a large body",
    { ...zoom("abc"), body: `${zoom("abc").body}${" ".repeat(8192)}` },
    "signature_missing",
    401,
  ],
];

/**
 * Texts that look like an event, or like the text that a sender signs for an event. If a handshake signed such a text, a stranger
 * would get the signature of a forged event.
 */
const FORGED = [
  `v0:${NOW}:${EVENT}`,
  `v0:${NOW}:`,
  EVENT,
  ` ${EVENT}`,
  "[1]",
  '"a"',
  "123",
  "-1.5e3",
  "true",
  "null",
  "{}",
  "a b",
  "a\tb",
  "a=b",
  "payload=abc&x=1",
];

describe.each(["edge", "listener"] as const)("%s", (name) => {
  test.each(REFUSED)("refuses %s", async (_, sent, code, status) => {
    const before = places[name].stored();
    const { answer, line } = await places[name].send(sent);
    expect([line["code"], answer.status]).toEqual([code, status]);
    expect(JSON.stringify(line)).not.toContain(HANDSHAKE_SECRETS.META_VERIFY_TOKEN);
    expect(places[name].stored()).toBe(before);
  });

  test.each(FORGED)("never signs %j", async (text) => {
    const macs = (["ZOOM_SECRET", "X_SECRET"] as const).map((secret) =>
      createHmac("sha256", HANDSHAKE_SECRETS[secret]).update(text).digest(),
    );
    // `text`, with every character written as an escape of JSON.
    const escapes = Array.from(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
    const escaped = `{"event":"endpoint.url_validation","payload":{"plainToken":"${escapes.join("")}"}}`;
    for (const sent of [
      zoom(text),
      { target: "/zoom", body: escaped },
      get(`/x?crc_token=${encodeURIComponent(text)}`),
      get(`/x?${new URLSearchParams({ crc_token: text })}`),
    ]) {
      const { answer, line } = await places[name].send(sent);
      expect(line.decision).toBe("refused");
      for (const mac of macs) {
        expect(answer.body.toString()).not.toContain(mac.toString("hex"));
        expect(answer.body.toString()).not.toContain(mac.toString("base64"));
      }
    }
    const { line } = await places[name].send(zoom(text));
    expect(line["code"]).toBe("challenge_is_event");
  });

  test("the forged text would be the signature of an event", async () => {
    const signature = createHmac("sha256", HANDSHAKE_SECRETS.ZOOM_SECRET).update(`v0:${NOW}:${EVENT}`).digest("hex");
    const headers: Sent["headers"] = [
      ["x-zm-request-timestamp", String(NOW)],
      ["x-zm-signature", `v0=${signature}`],
    ];
    expect((await places[name].send({ target: "/zoom", headers, body: EVENT })).answer.status).toBe(202);
  });

  test("a wrong token, a wrong form and a long value get the same answer", async () => {
    const answers = await Promise.all(
      ["hub.challenge=1&hub.verify_token=guess", "hub.challenge=1", `hub.challenge=${"1".repeat(600)}&${TOKEN}`].map(
        async (query) => {
          const { answer } = await places[name].send(meta(`hub.mode=subscribe&${query}`));
          return [answer.status, { ...JSON.parse(answer.body.toString()), decision: "" }];
        },
      ),
    );
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  const events: readonly (readonly [name: string, sent: Sent])[] = [
    [
      "of Slack with a challenge",
      { target: "/slack", ...signed("slack", json({ type: "event_callback", challenge: "a" })) },
    ],
    [
      "of Slack that is a challenge, on a route without a handshake",
      { target: "/second", ...signed("slack", json({ type: "url_verification", challenge: "a" })) },
    ],
    [
      "of Slack with a challenge inside",
      { target: "/slack", ...signed("slack", json({ event: { type: "url_verification" } })) },
    ],
    ["of Slack as a form", { target: "/slack", ...signed("slack", "type=url_verification&challenge=a") }],
    [
      "of Zoom with a token",
      { target: "/zoom", ...signed("zoom", json({ event: "meeting.started", payload: { plainToken: "a" } })) },
    ],
    ["of Graph with a token in the query", { target: "/graph?validationToken=a", body: "{}", isCertified: true }],
    [
      "of Event Grid after a validation",
      {
        target: "/grid",
        headers: [["aeg-event-type", "SubscriptionValidation"]],
        body: json([
          { eventType: "Microsoft.EventGrid.SubscriptionValidationEvent", data: { validationCode: "a" } },
          {},
        ]),
        isCertified: true,
      },
    ],
    [
      "of Event Grid whose publisher chose the type of a validation",
      {
        target: "/grid",
        headers: [["aeg-event-type", "Notification"]],
        body: json([{ eventType: "Microsoft.EventGrid.SubscriptionValidationEvent", data: { validationCode: "a" } }]),
        isCertified: true,
      },
    ],
    [
      "of Smartsheet with the header of a challenge",
      {
        target: "/smartsheet",
        headers: [["Smartsheet-Hook-Challenge", "a"]],
        body: json({ nonce: "a", webhookId: 1, events: [] }),
        isCertified: true,
      },
    ],
    [
      "of Smartsheet with another challenge in the body",
      {
        target: "/smartsheet",
        headers: [["Smartsheet-Hook-Challenge", "a"]],
        body: json({ challenge: "b" }),
        isCertified: true,
      },
    ],
    ["of monday with an object", { target: "/monday", body: json({ challenge: { id: 7 } }), isCertified: true }],
    [
      "of a sender beside one whose challenge would be wrong",
      { target: "/beside", ...signed("github", json({ event: "endpoint.url_validation" })) },
    ],
    ["of monday with a challenge", { target: "/monday", body: json({ challenge: "a", event: {} }), isCertified: true }],
    ["of a sender whose POST has X's query", { target: "/x?crc_token=abc", ...signed("x", "{}") }],
    [
      "of Twitch with a challenge",
      { target: "/twitch", ...signed("twitch", json({ challenge: "a", subscription: {}, event: { user_id: "1" } })) },
    ],
    ["of Twitch that ends a subscription", { target: "/twitch", ...signed("twitch", json({ subscription: {} })) }],
    [
      "of Discord with the type of a PING",
      { target: "/discord", ...signed("discord", json({ type: 1, event: { type: "APPLICATION_AUTHORIZED" } })) },
    ],
    ["of Discord, an interaction", { target: "/discord", ...signed("discord", json({ type: 2, data: {} })) }],
  ];
  test.each(events)("stores an event %s", async (_, sent) => {
    const before = places[name].stored();
    const { answer } = await places[name].send(sent);
    expect(answer.status).toBe(202);
    expect(places[name].stored()).toBe(before + 1);
  });

  test("registers Meta: first the challenge, without certificate and signature, then a signed event", async () => {
    const asked = await places[name].send(meta(`hub.mode=subscribe&hub.challenge=1158201444&${TOKEN}`));
    expect([asked.answer.status, asked.answer.body.toString()]).toEqual([200, "1158201444"]);
    const event: Sent = { target: "/meta", ...signed("meta", json({ object: "whatsapp_business_account" })) };
    expect((await places[name].send(event)).line["code"]).toBe("no_certificate");
    expect((await places[name].send({ ...event, isCertified: true })).answer.status).toBe(202);
  });

  test("logs nothing of a challenge for observed and shadow senders", async () => {
    const start = places[name].lines.all.length;
    const right = { ...meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`, "observed"), isCertified: true };
    const wrong = {
      ...meta("hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess", "observed"),
      isCertified: true,
    };
    expect((await places[name].send(right)).line).not.toHaveProperty("certificate");
    await places[name].send(wrong);
    expect((await places[name].send(get("/observed?challenge=abc"))).line["code"]).toBe("challenge_unexpected");
    const words = places[name].lines.all.slice(start).map(({ decision }) => decision);
    expect(words.filter((word) => word !== "handshake")).toEqual(["challenge", "refused", "refused"]);
  });
});

test("HEAD is no challenge", async () => {
  const sent = { ...meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`), method: "HEAD" };
  const { answer, line } = await places.edge.send(sent);
  expect([line["code"], answer.status]).toEqual(["method_not_allowed", 405]);
});

test("a missing secret of a handshake refuses its routes alone", async () => {
  const { answer, line } = await places.secretless.send(meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`));
  expect(answer.status).toBe(500);
  expect(line).toMatchObject({
    code: "misconfigured",
    problems: ["/senders/meta/handshake: the secret META_VERIFY_TOKEN is not set"],
  });
  expect((await places.secretless.send(get("/dropbox?challenge=abc"))).answer.status).toBe(200);
});

test("with an older policy at the edge, no challenge is answered, and a signed one is an event", async () => {
  const unanswered = await places.older.send(meta(`hub.mode=subscribe&hub.challenge=1&${TOKEN}`));
  expect(unanswered.line["code"]).toBe("challenge_unexpected");
  const before = places.older.stored();
  const slack = await places.older.send({
    target: "/slack",
    ...signed("slack", json({ type: "url_verification", challenge: "a" })),
  });
  expect([slack.answer.status, slack.line.decision]).toEqual([202, "forwarded"]);
  expect(places.older.stored()).toBe(before + 1);
});
