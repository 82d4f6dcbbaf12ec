// Tests each row of the table of handshakes: the right challenge and its answer, wrong challenges, and events that resemble a
// challenge.

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import type { Answer } from "../../../core/handshake/question.ts";
import { Question } from "../../../core/handshake/question.ts";
import {
  findAsked,
  HANDSHAKE_SCHEME_NAMES,
  HANDSHAKE_SCHEMES,
  type HandshakeSchemeName,
  isAsked,
} from "../../../core/handshake/schemes.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

interface Sent {
  readonly method: "GET" | "OPTIONS" | "POST";
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const SECRET = "0123456789abcdef0123456789abcdef";
const HOST = "hooks.example.com:8443";

function questionOf({ method, query = "", headers = {}, body }: Sent): Question {
  const text = body === undefined || typeof body === "string" ? (body ?? "") : JSON.stringify(body);
  const url = new URL(`https://${HOST}/a/b${query}`);
  return new Question({ method, headers: new Headers(headers) }, url, new TextEncoder().encode(text));
}

const answerTo = (scheme: HandshakeSchemeName, sent: Sent): Answer | undefined =>
  HANDSHAKE_SCHEMES[scheme].answer(questionOf(sent), Buffer.from(SECRET));

const text = (body: string) => ({ headers: { "content-type": "text/plain" }, body });
const json = (value: unknown) => ({ headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
const headers = (values: Readonly<Record<string, string>>) => ({ headers: values, body: null });
const hmac = (value: string, encoding: "hex" | "base64") => createHmac("sha256", SECRET).update(value).digest(encoding);

interface Row {
  /** The expected `method`, `mark`, `proof`, `hasSecret` and `isSigned` of the scheme. */
  readonly facts: readonly [method: string, mark: string | undefined, proof: string, secret?: true, signed?: true];
  readonly right: readonly (readonly [sent: Sent, answer: Answer])[];
  /**
   * Returns a challenge with this value. The answer of most schemes depends on such a value. Undefined for a scheme whose answer
   * does not.
   */
  readonly withValue?: (value: string) => Sent;
  /** Requests that resemble a challenge, but are events. They must not be answered. */
  readonly events: readonly Sent[];
  readonly malformed?: readonly Sent[];
  readonly mismatch?: readonly Sent[];
}

const meta = (mode: string, token = SECRET, challenge = "1158201444"): Sent => ({
  method: "GET",
  query: `?${new URLSearchParams({ "hub.mode": mode, "hub.verify_token": token, "hub.challenge": challenge })}`,
});
const post = (body: unknown, sentHeaders: Readonly<Record<string, string>> = {}, query = ""): Sent => ({
  method: "POST",
  query,
  headers: sentHeaders,
  body,
});
const get = (query: string, sentHeaders: Readonly<Record<string, string>> = {}): Sent => ({
  method: "GET",
  query,
  headers: sentHeaders,
});
const param = (name: string) => (value: string) => get(`?${new URLSearchParams({ [name]: value })}`);

const GRID_HEADER = { "aeg-event-type": "SubscriptionValidation" };
const GRID_TYPE = "Microsoft.EventGrid.SubscriptionValidationEvent";
const grid = (validationCode: unknown, eventType = GRID_TYPE) => ({ eventType, data: { validationCode } });
const zoom = (plainToken: unknown, event = "endpoint.url_validation") => post({ event, payload: { plainToken } });
const acrobat = (id: string) => get("", { "x-adobesign-clientid": id });
const okta = (value: string) => get("", { "x-okta-verification-challenge": value });
const smartsheet = (value: string, body: unknown = { challenge: value, webhookId: 1 }) =>
  post(body, { "smartsheet-hook-challenge": value });
const asana = (value: string) => post("", { "x-hook-secret": value });
const cloudevents = (value: string): Sent => ({ method: "OPTIONS", headers: { "webhook-request-origin": value } });
const allowed = (origin: string) =>
  headers({ "webhook-allowed-origin": origin, "webhook-allowed-rate": "*", allow: "POST" });
const ebay = (code: string) =>
  json({ challengeResponse: createHash("sha256").update(`${code}${SECRET}https://${HOST}/a/b`).digest("hex") });

const ECHO: Row = {
  facts: ["GET", "?challenge", "connection"],
  right: [[param("challenge")("abc-1"), text("abc-1")]],
  withValue: param("challenge"),
  events: [],
  malformed: [get("?challenge=a&challenge=a"), get("?challenge=")],
};

const ROWS: Readonly<Record<HandshakeSchemeName, Row>> = {
  meta: {
    facts: ["GET", "?hub.mode", "token", true],
    right: [[meta("subscribe"), text("1158201444")]],
    withValue: (value) => meta("subscribe", SECRET, value),
    events: [meta("unsubscribe"), meta("Subscribe")],
    malformed: [
      meta("subscribe", ""),
      get("?hub.mode=subscribe"),
      get(`${meta("subscribe").query}&hub.challenge=2`),
      get(`${meta("subscribe").query}&hub.verify_token=${SECRET}`),
      get(`${meta("subscribe").query}&hub.mode=subscribe`),
    ],
    mismatch: [meta("subscribe", `${SECRET} `), meta("subscribe", SECRET.toUpperCase()), meta("subscribe", "a", "<")],
  },
  slack: {
    facts: ["POST", undefined, "signature"],
    right: [[post({ type: "url_verification", challenge: "3eZbrw1a", token: "t" }), text("3eZbrw1a")]],
    withValue: (challenge) => post({ type: "url_verification", challenge }),
    events: [
      post({ type: "event_callback", challenge: "a" }),
      post({ challenge: "a" }),
      post("url_verification"),
      post(""),
    ],
    malformed: [post({ type: "url_verification" }), post({ type: "url_verification", challenge: 1 })],
  },
  twitch: {
    facts: ["POST", undefined, "signature"],
    right: [[post({ challenge: "pogchamp", subscription: {} }), text("pogchamp")]],
    withValue: (challenge) => post({ challenge }),
    events: [
      post({ challenge: "a", event: {} }),
      post({ challenge: "a", event: null }),
      post({ subscription: {} }),
      post(""),
    ],
    malformed: [post({ challenge: 1 }), post({ challenge: null })],
  },
  discord: {
    facts: ["POST", undefined, "signature"],
    right: [
      [post({ type: 1, version: 1 }), json({ type: 1 })],
      [post({ type: 0, version: 1 }), { ...headers({}), status: 204 }],
    ],
    events: [
      post({ type: 0, event: {} }),
      post({ type: 1, event: {} }),
      post({ type: 2 }),
      post({ type: "1" }),
      post({ type: true }),
      post({ type: null }),
      post(""),
    ],
  },
  zoom: {
    facts: ["POST", undefined, "signature-if-sent", true, true],
    right: [[zoom("qgg8v"), json({ plainToken: "qgg8v", encryptedToken: hmac("qgg8v", "hex") })]],
    withValue: zoom,
    events: [zoom("a", "meeting.started"), post({ payload: { plainToken: "a" } }), post("")],
    malformed: [zoom(undefined), zoom(1), post({ event: "endpoint.url_validation" })],
  },
  "microsoft-graph": {
    facts: ["POST", "?validationToken", "connection"],
    right: [[post("", {}, "?validationToken=Validation%3A+a%2Bb"), text("Validation: a+b")]],
    withValue: (value) => post("", {}, `?${new URLSearchParams({ validationToken: value })}`),
    events: [post({ value: [] }, {}, "?validationToken=a"), post(" ", {}, "?validationToken=a")],
    malformed: [post("", {}, "?validationToken=a&validationToken=b")],
  },
  "event-grid": {
    facts: ["POST", undefined, "connection"],
    right: [[post([grid("512d38b6")], GRID_HEADER), json({ validationResponse: "512d38b6" })]],
    withValue: (value) => post([grid(value)], GRID_HEADER),
    events: [
      post([grid("a")]),
      post([grid("a")], { "aeg-event-type": "Notification" }),
      post([grid("a"), grid("a")], GRID_HEADER),
      post([grid("a", "Microsoft.Storage.BlobCreated")], GRID_HEADER),
      post([{ data: { validationCode: "a" } }], GRID_HEADER),
      post([], GRID_HEADER),
      post({ length: 2, 0: grid("a") }, GRID_HEADER),
      post("", GRID_HEADER),
    ],
    malformed: [post([grid(undefined)], GRID_HEADER), post([{ eventType: GRID_TYPE }], GRID_HEADER)],
  },
  cloudevents: {
    facts: ["OPTIONS", "webhook-request-origin", "connection"],
    right: [[cloudevents("eventgrid.azure.net"), allowed("eventgrid.azure.net")]],
    withValue: cloudevents,
    events: [],
    malformed: [cloudevents("")],
  },
  okta: {
    facts: ["GET", "x-okta-verification-challenge", "connection"],
    right: [[okta("Y4bJPV"), json({ verification: "Y4bJPV" })]],
    withValue: okta,
    events: [],
    malformed: [okta("")],
  },
  dropbox: ECHO,
  "adobe-io": ECHO,
  "acrobat-sign": {
    facts: ["GET", "x-adobesign-clientid", "connection", true],
    right: [[acrobat(SECRET), headers({ "x-adobesign-clientid": SECRET })]],
    events: [],
    malformed: [acrobat("")],
    mismatch: [acrobat("a"), acrobat(`${SECRET}a`), acrobat("<")],
  },
  x: {
    facts: ["GET", "?crc_token", "connection", true, true],
    right: [[param("crc_token")("NzQw"), json({ response_token: `sha256=${hmac("NzQw", "base64")}` })]],
    withValue: param("crc_token"),
    events: [],
    malformed: [get("?crc_token="), get("?crc_token=a&crc_token=a")],
  },
  ebay: {
    facts: ["GET", "?challenge_code", "connection", true],
    right: [
      [get("?challenge_code=a8628072"), ebay("a8628072")],
      [get("?challenge_code=b&other=1"), ebay("b")],
    ],
    withValue: param("challenge_code"),
    events: [],
    malformed: [get("?challenge_code="), get("?challenge_code=a&challenge_code=a")],
  },
  monday: {
    facts: ["POST", undefined, "connection"],
    right: [[post({ challenge: "3eZ" }), json({ challenge: "3eZ" })]],
    withValue: (challenge) => post({ challenge }),
    events: [post({ challenge: "a", event: {} }), post({ challenge: 1 }), post({ event: {} }), post("")],
  },
  smartsheet: {
    facts: ["POST", "smartsheet-hook-challenge", "connection"],
    right: [[smartsheet("d78dd1d3"), headers({ "smartsheet-hook-response": "d78dd1d3" })]],
    withValue: smartsheet,
    events: [smartsheet("a", { challenge: "b" }), smartsheet("a", { events: [] }), smartsheet("a", "")],
    malformed: [smartsheet("")],
  },
  asana: {
    facts: ["POST", "x-hook-secret", "connection"],
    right: [
      [asana("b537207f20cbfa02"), headers({ "x-hook-secret": "b537207f20cbfa02" })],
      [post({}, { "x-hook-secret": "b5" }), headers({ "x-hook-secret": "b5" })],
    ],
    withValue: asana,
    events: [post({ events: [] }, { "x-hook-secret": "a" }), post("[1]", { "x-hook-secret": "a" })],
    malformed: [asana("")],
  },
};

const LONGEST = "a".repeat(512);

export const cases: Cases = {
  "every scheme has a row here, and the facts of its row": () => {
    assert.deepEqual(Object.keys(ROWS), HANDSHAKE_SCHEME_NAMES);
    for (const name of HANDSHAKE_SCHEME_NAMES) {
      const { method, mark, proof = "connection", hasSecret, isSigned } = HANDSHAKE_SCHEMES[name];
      const [ofMethod, ofMark, ofProof, ofSecret, ofSigning] = ROWS[name].facts;
      assert.deepEqual(
        [method, mark, proof, hasSecret, isSigned],
        [ofMethod, ofMark, ofProof, ofSecret, ofSigning],
        name,
      );
    }
  },
  "only Asana's handshake needs an end": () => {
    assert.deepEqual(
      HANDSHAKE_SCHEME_NAMES.filter((name) => HANDSHAKE_SCHEMES[name].hasEnd),
      ["asana"],
    );
  },
  "a scheme answers its challenge": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES)
      for (const [sent, answer] of ROWS[name].right) {
        assert.ok(isAsked(name, questionOf(sent)), name);
        assert.deepEqual(answerTo(name, sent), answer, name);
      }
  },
  "a scheme answers no event": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES)
      for (const sent of ROWS[name].events)
        assert.equal(answerTo(name, sent), undefined, `${name} ${JSON.stringify(sent)}`);
  },
  "a scheme repeats the longest value, and none that is longer or means something in HTML": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES) {
      const { withValue } = ROWS[name];
      if (withValue === undefined) continue;
      const answer = answerTo(name, withValue(LONGEST));
      assert.ok(answer !== undefined, name);
      refused("challenge_too_long", () => answerTo(name, withValue(`${LONGEST}a`)));
      refused("challenge_malformed", () => answerTo(name, withValue("<b>")));
      refused("challenge_malformed", () => answerTo(name, withValue("a&b")));
    }
  },
  "a scheme refuses a value that is missing, repeated or of another kind": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES)
      for (const sent of ROWS[name].malformed ?? []) refused("challenge_malformed", () => answerTo(name, sent));
  },
  "a scheme with a token refuses every other token": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES)
      for (const sent of ROWS[name].mismatch ?? []) refused("challenge_token_mismatch", () => answerTo(name, sent));
  },
  "a scheme that signs never signs the text of an event": () => {
    for (const name of ["zoom", "x"] as const)
      for (const value of ["v0:1:{}", "{}", "[1]", "1", "a b", "a=b", "null"])
        refused("challenge_is_event", () => answerTo(name, ROWS[name].withValue?.(value) as Sent));
  },
  "isAsked() compares the method and the mark": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES) {
      const [sent] = ROWS[name].right[0] ?? [];
      assert.ok(sent !== undefined);
      assert.equal(isAsked(name, questionOf({ ...sent, method: sent.method === "GET" ? "POST" : "GET" })), false, name);
      const bare = questionOf({ method: sent.method });
      assert.equal(isAsked(name, bare), HANDSHAKE_SCHEMES[name].mark === undefined, name);
    }
  },
  "findAsked() finds the scheme of a mark, and none without a mark": () => {
    for (const name of HANDSHAKE_SCHEME_NAMES) {
      const [sent] = ROWS[name].right[0] ?? [];
      const found = findAsked(questionOf(sent as Sent));
      const isMarked = HANDSHAKE_SCHEMES[name].mark !== undefined;
      assert.equal(found, isMarked ? (name === "adobe-io" ? "dropbox" : name) : undefined, name);
    }
    assert.equal(findAsked(questionOf({ method: "GET" })), undefined);
    assert.equal(findAsked(questionOf({ method: "POST", query: "?challenge=a" })), undefined);
  },
};
