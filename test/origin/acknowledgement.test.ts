// Tests the fixed answer of a route over real TLS: for a new event, and for an event that is already stored.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { parseClientCertificate } from "../../core/x509/client-certificate.ts";
import type { AcceptDelivery } from "../../origin/accept.ts";
import { acknowledge } from "../../origin/acknowledgement.ts";
import { createOriginApp } from "../../origin/app.ts";
import { Dispatcher } from "../../origin/dispatch/dispatcher.ts";
import { HandlerReplies } from "../../origin/dispatch/reply.ts";
import { LogLines } from "../support/log-lines.ts";
import { openTestInbox } from "../support/origin.ts";
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

describe("if a reload removes the route between the verdict and the answer", () => {
  /**
   * Makes an app whose policy loses the route as soon as an event is accepted. The returned function `ask` sends the same event on
   * each call.
   */
  function reloading(answer: PolicyDocument["routes"][string]["answer"], handler?: () => Response) {
    const { inbox } = openTestInbox(stack);
    const lines = new LogLines();
    const without = compilePolicy(senders.policy);
    let policy = compilePolicy(policyWith(answer));
    const dispatcher = new Dispatcher({ work: inbox.work, handler: handler ?? (() => undefined), log: lines.push });
    const answers = handler && new HandlerReplies({ inbox, dispatcher, log: lines.push });
    stack.defer(() => dispatcher.stop(0));
    const accept: AcceptDelivery = (delivery, assertion) => {
      policy = without;
      return (answers ?? inbox).accept(delivery, assertion);
    };
    const options = {
      get policy() {
        return policy;
      },
      readCertificate: () =>
        parseClientCertificate({ leaf: senders.acme.base64, intermediates: [], platform: undefined }),
      accept,
      log: lines.push,
    };
    const app = createOriginApp(options, { answers });
    const headers = { "X-Event-Id": "one" };
    const request = () => new Request(`https://${A}/soap`, { method: "POST", body: "<x/>", headers });
    return { inbox, lines, ask: () => app.fetch(request()) };
  }

  test("the sender gets the fixed answer", async () => {
    const { ask, inbox } = reloading(SOAP);
    const answer = await ask();
    expect([answer.status, await answer.text()]).toEqual([200, SOAP.body]);
    expect(await inbox.count()).toBe(1);
    expect((await ask()).status).toBe(404);
  });

  test("the sender gets the fixed answer from a dispatching origin too", async () => {
    const answer = await reloading(SOAP, () => new Response("unused")).ask();
    expect([answer.status, await answer.text()]).toEqual([200, SOAP.body]);
  });

  test("the sender gets the handler's answer", async () => {
    const { ask, inbox } = reloading("handler", () => new Response("done", { status: 201 }));
    const answer = await ask();
    expect([answer.status, await answer.text()]).toEqual([201, "done"]);
    expect(await inbox.count()).toBe(1);
  });

  test("the sender gets 202 without a fixed answer", async () => {
    expect((await reloading(undefined).ask()).status).toBe(202);
  });
});
