// Tests the fixed answer of a route over real TLS: for a new event, and for an event that is already stored.

import { afterAll, beforeAll, expect, test } from "vitest";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { acknowledge } from "../../origin/acknowledgement.ts";
import { ACME, createSenders, type Senders } from "../support/senders.ts";
import { sendOnce } from "../support/tls-client.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../support/tls-origin.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let listener: TestTlsOrigin;

const SOAP = { status: 200, type: "text/xml", body: "<Ack>true</Ack>" } as const;

function policyWith(answer: PolicyDocument["routes"][string]["answer"], more: object = {}): PolicyDocument {
  const acme = { ...senders.policy.senders[ACME], eventKey: { header: "X-Event-Id" } };
  return {
    ...senders.policy,
    senders: { [ACME]: acme },
    routes: { "/soap": { senders: [ACME], methods: ["POST"], answer, ...more } },
  };
}

beforeAll(async () => {
  senders = await createSenders();
  listener = await startTlsOrigin(stack, { policy: policyWith(SOAP) });
});
afterAll(() => stack.disposeAsync());

async function send(client = senders.acme) {
  const request = { target: "/soap?a=b", method: "POST", body: "<x/>", headers: [["X-Event-Id", "one"]] } as const;
  const { status, headers, body } = await sendOnce(listener.at(A), client, request);
  return { status, type: headers["content-type"], body: body.toString() };
}

test("is the answer to an event and to its duplicate, and not to a refused one", async () => {
  const fixed = { status: SOAP.status, type: "text/xml; charset=utf-8", body: SOAP.body };
  expect([await send(), await send()]).toEqual([fixed, fixed]);
  expect(await listener.inbox.count()).toBe(1);
  expect(await send(senders.beta)).toMatchObject({ status: 403, type: "application/problem+json" });
});

test("has no body with a status that allows none", async () => {
  const answer = acknowledge({ status: 204, type: "text/plain", body: "x" }, {}, 202);
  expect([answer.status, await answer.text()]).toEqual([204, ""]);
  expect(await acknowledge(undefined, { event: "e" }, 202).json()).toEqual({ event: "e" });
});

test.each([
  [{ status: 300 }, "/routes/~1soap/answer/status"],
  [{ status: 200, type: "text/html" }, "/routes/~1soap/answer/type"],
  [{ status: 200, bodies: "" }, "/routes/~1soap/answer/bodies"],
])("%j does not compile", (answer, place) => {
  expect(() => compilePolicy(policyWith(answer as never))).toThrow(place);
});

test("a route whose events the edge queues has none", () => {
  expect(() => compilePolicy(policyWith(SOAP, { delivery: "queue" }))).toThrow("/routes/~1soap");
});
