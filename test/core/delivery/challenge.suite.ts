// Tests at which step the challenge of a handshake is answered or refused. Events that resemble a challenge must still be admitted.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { Trace } from "../../../core/admission/trace.ts";
import { bindDelivery } from "../../../core/delivery/delivery.ts";
import { receiveFromSender } from "../../../core/delivery/receive.ts";
import { Question } from "../../../core/handshake/question.ts";
import { BodyBudget } from "../../../core/request/body-budget.ts";
import { type Cases, type Fixtures, refusedLater } from "../../support/scenes/certificates.ts";
import {
  type Attempt,
  certificate,
  compileSenders,
  evidenceOf,
  github,
  KEYS,
  type SenderParts,
  signedBy,
} from "../../support/scenes/factors.ts";

interface Sent extends Omit<Attempt, "body"> {
  readonly method?: string;
  readonly query?: string;
  readonly body?: string;
  /** True if no secret of the policy is set. */
  readonly isSecretless?: boolean;
}

const bytes = (text: string) => new TextEncoder().encode(text);

/** A budget that counts the bodies that are not finished. */
class WatchedBudget extends BodyBudget {
  open = 0;
  override begin() {
    this.open += 1;
    return super.begin();
  }
  override finish(reading: ReturnType<BodyBudget["begin"]>): void {
    this.open -= 1;
    super.finish(reading);
  }
}

/** Sends one request to a route that has these senders and allows only POST. By default, the request has no certificate. */
function send(fixtures: Fixtures, senders: Readonly<Record<string, SenderParts>>, sent: Sent = {}) {
  const { method = "POST", query = "", body, leaf = null, headers = {}, isSecretless = false } = sent;
  const policy = compileSenders(fixtures, senders);
  const [route] = policy.routes;
  assert.ok(route !== undefined);
  const complete = evidenceOf(fixtures, policy, { leaf, headers });
  const evidence = isSecretless ? { ...complete, secrets: new Map() } : complete;
  const trace: Trace = { context: { id: "decision-1" } };
  const url = new URL(`https://hooks.example.com/hooks${query}`);
  const request = new Request(url, { method, headers, ...(body !== undefined && { body: bytes(body) }) });
  const question = new Question(request, url);
  const bodies = new WatchedBudget({ endsOldest: true });
  const outcome = receiveFromSender(
    { request, question, target: "/hooks", route, evidence, bodies, policyDigest: policy.digest, bind: bindDelivery },
    trace,
  );
  return { outcome, trace, bodies };
}

/** Returns the status and the text of an answer. */
async function answered({ outcome }: ReturnType<typeof send>): Promise<readonly [number, string]> {
  const answer = await outcome;
  assert.ok(answer instanceof Response, "an event");
  return [answer.status, await answer.text()];
}

async function admitted({ outcome }: ReturnType<typeof send>): Promise<string> {
  const delivery = await outcome;
  assert.ok(!(delivery instanceof Response), "a challenge");
  return delivery.sender;
}

const META = {
  ...certificate(),
  signature: { scheme: "meta", secrets: ["ONE"] },
  handshake: { scheme: "meta", secret: "TOKEN" },
};
const DROPBOX = { ...github("ONE"), handshake: { scheme: "dropbox" } };
const SLACK = { signature: { scheme: "slack", secrets: ["ONE"] }, handshake: { scheme: "slack" } };
const ZOOM = { signature: { scheme: "zoom", secrets: ["ONE"] }, handshake: { scheme: "zoom", secret: "ONE" } };
const GRAPH = { ...certificate(), handshake: { scheme: "microsoft-graph" } };

const ask = (token: string) => `?hub.mode=subscribe&hub.challenge=42&hub.verify_token=${token}`;
const QUESTION = '{"type":"url_verification","challenge":"abc"}';
const VALIDATION = '{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}';
const WRONG_VALIDATION = '{"event":"endpoint.url_validation"}';

/** Headers of a signature as Slack and Zoom make it. */
function versionZero(now: number, body: string, name: "slack" | "zm", key: keyof typeof KEYS = "ONE") {
  const time = name === "slack" ? "x-slack-request-timestamp" : "x-zm-request-timestamp";
  const mac = createHmac("sha256", KEYS[key]).update(`v0:${now}:${body}`).digest("hex");
  return { [time]: String(now), [`x-${name}-signature`]: `v0=${mac}` };
}

export const cases: Cases = {
  "a challenge with a token is answered before any factor, and no certificate is noted": async (fixtures) => {
    for (const leaf of [null, "direct"] as const) {
      const sent = send(
        fixtures,
        { other: github("TWO"), meta: META },
        { method: "GET", query: ask(KEYS.TOKEN), leaf },
      );
      assert.deepEqual(await answered(sent), [200, "42"]);
      const { context, evidence, body, admitted: sender } = sent.trace;
      assert.deepEqual(context, { id: "decision-1", askedFor: "meta", factors: [], handshake: "meta" });
      assert.deepEqual([evidence, body, sender], [undefined, undefined, undefined]);
    }
    const wrong = send(fixtures, { meta: META }, { method: "GET", query: ask("guess"), leaf: "direct" });
    await refusedLater("challenge_token_mismatch", wrong.outcome);
    assert.equal(wrong.trace.evidence, undefined);
  },
  "a challenge is answered by the first sender for which it is right": async (fixtures) => {
    const senders = { one: { ...META, handshake: { scheme: "meta", secret: "TWO" } }, two: META };
    const right = send(fixtures, senders, { method: "GET", query: ask(KEYS.TOKEN) });
    assert.deepEqual(await answered(right), [200, "42"]);
    assert.equal(right.trace.context["askedFor"], "two");
    const repeated = { method: "GET", query: "?hub.mode=subscribe&hub.verify_token=a&hub.verify_token=b" };
    await refusedLater("challenge_malformed", send(fixtures, senders, repeated).outcome);
  },
  "a challenge is answered without the signature, on a route that does not list its method": async (fixtures) => {
    const sent = send(fixtures, { dropbox: DROPBOX }, { method: "GET", query: "?challenge=abc" });
    assert.deepEqual(await answered(sent), [200, "abc"]);
    assert.deepEqual([sent.trace.context["askedFor"], sent.trace.context["factors"]], ["dropbox", []]);
    assert.equal(sent.bodies.open, 0);
    const post = { headers: signedBy("ONE", bytes("{}")), body: "{}", query: "?challenge=abc" };
    assert.equal(await admitted(send(fixtures, { dropbox: DROPBOX }, post)), "dropbox");
  },
  "a request that is no challenge needs a method of the route, and a wrong challenge is refused as a challenge": async (
    fixtures,
  ) => {
    const bare = send(fixtures, { dropbox: DROPBOX }, { method: "GET" });
    await refusedLater("method_not_allowed", bare.outcome);
    assert.deepEqual([bare.trace.body, bare.bodies.open], [undefined, 0]);
    const wrong = send(fixtures, { dropbox: DROPBOX }, { method: "GET", query: "?challenge=%3Cb%3E" });
    await refusedLater("challenge_malformed", wrong.outcome);
    assert.deepEqual([wrong.trace.body, wrong.bodies.open], [undefined, 0]);
    const signed = send(
      fixtures,
      { dropbox: DROPBOX, other: github("TWO") },
      { method: "GET", query: "?challenge=", headers: signedBy("TWO", bytes("")) },
    );
    await refusedLater("challenge_malformed", signed.outcome);
  },
  "a certificate is noted for the challenge of a sender that needs one, and for no other": async (fixtures) => {
    const query = "?validationToken=abc";
    const graph = send(fixtures, { graph: GRAPH }, { query, leaf: "direct" });
    assert.deepEqual(await answered(graph), [200, "abc"]);
    assert.deepEqual(graph.trace.context["factors"], ["mtls"]);
    assert.notEqual(graph.trace.context.certificate, undefined);
    await refusedLater("no_certificate", send(fixtures, { graph: GRAPH }, { query }).outcome);
    const dropbox = { method: "GET", query: "?challenge=abc", leaf: "direct" } as const;
    const other = send(fixtures, { dropbox: DROPBOX }, dropbox);
    assert.deepEqual(await answered(other), [200, "abc"]);
    assert.equal(other.trace.context.certificate, undefined);
    const event = send(fixtures, { graph: GRAPH }, { query, leaf: "direct", body: "{}" });
    assert.equal(await admitted(event), "graph");
  },
  "a challenge that is signed is answered after its signature, and is no admitted event": async (fixtures) => {
    const run = (key: "ONE" | "TWO", body = QUESTION) =>
      send(fixtures, { slack: SLACK }, { body, headers: versionZero(fixtures.now, body, "slack", key) });
    const right = run("ONE");
    assert.deepEqual(await answered(right), [200, "abc"]);
    const { context, admitted: sender, body } = right.trace;
    assert.deepEqual([context["sender"], context["factors"], context["handshake"]], ["slack", ["hmac"], "slack"]);
    assert.deepEqual([sender, [...(body ?? [])], right.bodies.open], [undefined, [...bytes(QUESTION)], 0]);
    await refusedLater("signature_mismatch", run("TWO").outcome);
    await refusedLater("signature_missing", send(fixtures, { slack: SLACK }, { body: QUESTION }).outcome);
    const wrong = '{"type":"url_verification","challenge":"<b>"}';
    await refusedLater("challenge_malformed", run("ONE", wrong).outcome);
    assert.equal(await admitted(run("ONE", '{"type":"event_callback","challenge":"abc"}')), "slack");
  },
  "a challenge that may be signed must be signed well if it has a header of a signature": async (fixtures) => {
    const run = (headers: Sent["headers"] = {}) => send(fixtures, { zoom: ZOOM }, { body: VALIDATION, headers });
    const encryptedToken = createHmac("sha256", KEYS.ONE).update("abc").digest("hex");
    const answer = JSON.stringify({ plainToken: "abc", encryptedToken });
    const bare = run();
    assert.deepEqual(await answered(bare), [200, answer]);
    assert.deepEqual(bare.trace.context["factors"], []);
    const signed = run(versionZero(fixtures.now, VALIDATION, "zm"));
    assert.deepEqual(await answered(signed), [200, answer]);
    assert.deepEqual(signed.trace.context["factors"], ["hmac"]);
    await refusedLater("signature_mismatch", run(versionZero(fixtures.now, VALIDATION, "zm", "TWO")).outcome);
    const { "x-zm-signature": signature, ...time } = versionZero(fixtures.now, VALIDATION, "zm");
    await refusedLater("signature_missing", run({ "x-zm-signature": String(signature) }).outcome);
    // A header with a time proves nothing without a signature, so it is no reason to refuse.
    assert.deepEqual(await answered(run(time)), [200, answer]);
  },
  "a wrong challenge for one sender may be the event of another": async (fixtures) => {
    const senders = { zoom: ZOOM, other: github("TWO") };
    const body = WRONG_VALIDATION;
    const event = send(fixtures, senders, { body, headers: signedBy("TWO", bytes(body)) });
    assert.equal(await admitted(event), "other");
    assert.deepEqual([...(event.trace.body ?? [])], [...bytes(body)]);
    const wrong = send(fixtures, senders, { body });
    await refusedLater("challenge_malformed", wrong.outcome);
    assert.deepEqual([wrong.trace.body, wrong.bodies.open], [undefined, 0]);
    await refusedLater("challenge_malformed", send(fixtures, senders, { body, headers: signedBy("ONE") }).outcome);
  },
  "a wrong challenge is refused although its sender has signed it": async (fixtures) => {
    const senders = { monday: { ...github("ONE"), handshake: { scheme: "monday" } } };
    const body = '{"challenge":"<b>"}';
    await refusedLater(
      "challenge_malformed",
      send(fixtures, senders, { body, headers: signedBy("ONE", bytes(body)) }).outcome,
    );
    assert.deepEqual(await answered(send(fixtures, senders, { body: '{"challenge":"a"}' })), [
      200,
      '{"challenge":"a"}',
    ]);
  },
  "without its secret, a challenge is refused, unless its scheme needs none": async (fixtures) => {
    const get = { method: "GET", isSecretless: true };
    for (const token of ["", KEYS.TOKEN]) {
      const sent = send(fixtures, { meta: META }, { ...get, query: ask(token) });
      await refusedLater("misconfigured", sent.outcome);
    }
    const dropbox = send(fixtures, { dropbox: DROPBOX }, { ...get, query: "?challenge=abc" });
    assert.deepEqual(await answered(dropbox), [200, "abc"]);
  },
};
