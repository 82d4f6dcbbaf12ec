// Plays PagerDuty with mutual TLS. PagerDuty drops an event if the response is a 4xx other than 429. After three dropped events,
// PagerDuty switches the subscription off. So no fault that the user has to mend may be answered with such a status.

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { createUser, issueClient, type Listening, type User } from "./world.ts";

const SECRET = "pagerduty-0123456789abcdef";
const ROUTE = "/hooks/pagerduty";
const SUBJECT = { C: "US", O: "PagerDuty, Inc.", CN: "webhooks.pagerduty.com" };

const stack = new AsyncDisposableStack();
let ca: Identity;
let user: User;
let listening: Listening;

beforeAll(async () => {
  user = await createUser(stack);
  ca = await issueCertificate({ subject: [{ CN: ["CA of PagerDuty"] }], ca: {} });
  // The public root of the preset stays an anchor. The CA of the simulated sender is added as a second anchor, as an operator would
  // do if PagerDuty changed its root.
  const anchor = ["--anchor", `pagerduty-next=${user.write("ca.pem", ca)}`];
  expect(await user.add("--preset", "pagerduty", ...anchor, "--mode", "observe")).toContain("48 hours");
  listening = await user.start({ PAGERDUTY_WEBHOOK_SECRET: SECRET });
});
afterAll(() => stack.disposeAsync());

/** Sends an event as PagerDuty does. */
function deliver(client: Identity, id: string, key = SECRET) {
  const body = JSON.stringify({ event: { id, event_type: "incident.triggered" } });
  const signature = createHmac("sha256", key).update(body).digest("hex");
  const headers = [
    ["Content-Type", "application/json"],
    ["X-Webhook-Id", id],
    ["X-PagerDuty-Signature", `v1=${signature}`],
  ] as const;
  return listening.send(client, { target: ROUTE, headers, body });
}

/** Delivers three events, and returns what PagerDuty does with them. */
async function deliverThree(client: Identity) {
  const outcomes: string[] = [];
  for (const id of ["one", "two", "three"]) {
    const { status, retryAfter } = await deliver(client, id);
    const isDropped = status >= 400 && status < 500 && status !== 429;
    outcomes.push(status < 300 ? "delivered" : isDropped ? "dropped" : retryAfter === undefined ? "retried" : "waits");
  }
  return outcomes;
}

test("three events with a new subject, or below an unknown CA, are kept, and arrive when the user has accepted the subject", async () => {
  const renewed = await issueClient({ ...SUBJECT, O: "PagerDuty LLC" }, ca);
  const elsewhere = await issueClient(SUBJECT, await issueCertificate({ subject: [{ CN: ["Another CA"] }], ca: {} }));
  for (const client of [renewed, elsewhere]) expect(await deliverThree(client)).toEqual(["waits", "waits", "waits"]);
  expect(listening.stored()).toBe(0);

  await listening.accept("pagerduty", ROUTE, parseCertificate(renewed.base64).sha256);
  expect(await deliverThree(renewed)).toEqual(["delivered", "delivered", "delivered"]);
  expect(await deliverThree(renewed)).toEqual(["delivered", "delivered", "delivered"]);
  expect(listening.stored()).toBe(3);
});

test("a wrong signature is final", async () => {
  const client = await issueClient(SUBJECT, ca);
  expect(await deliver(client, "forged", "another secret of them")).toMatchObject({
    status: 401,
    retryAfter: undefined,
  });
});
