// Plays Meta, which sends the events of WhatsApp. Meta registers a callback URL only after an unsigned GET got the right answer.
// Then Meta sends signed events with its certificate.

import { createHmac } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { createUser, issueClient, type Listening } from "./world.ts";

const SECRET = "app-secret-0123456789abcdef";
const VERIFY_TOKEN = "verify-token-0123456789";
const ROUTE = "/hooks/meta";

const stack = new AsyncDisposableStack();
let listening: Listening;
let client: Identity;

beforeAll(async () => {
  const ca = await issueCertificate({ subject: [{ CN: ["Meta Outbound API CA"] }], ca: {} });
  client = await issueClient({ CN: "client.webhooks.fbclientcerts.com" }, ca);
  const user = await createUser(stack);
  await user.add("--preset", "meta", "--anchor", `meta-outbound-api-ca-2025-12=${user.write("meta.pem", ca)}`);
  listening = await user.start({ META_APP_SECRET: SECRET, META_VERIFY_TOKEN: VERIFY_TOKEN });
});
afterAll(() => stack.disposeAsync());

/** Registers the URL as Meta does, without a certificate. */
function register(token: string) {
  const query = new URLSearchParams({
    "hub.mode": "subscribe",
    "hub.challenge": "1158201444",
    "hub.verify_token": token,
  });
  return listening.send(undefined, { method: "GET", target: `${ROUTE}?${query}`, body: "" });
}

function deliver(key: string) {
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [{ id: "1", changes: [] }] });
  const signature = createHmac("sha256", key).update(body).digest("hex");
  const headers = [
    ["Content-Type", "application/json"],
    ["X-Hub-Signature-256", `sha256=${signature}`],
  ] as const;
  return listening.send(client, { target: ROUTE, headers, body });
}

test("the URL is registered with the verify token, nothing is stored, and then a signed event arrives", async () => {
  expect(await register(VERIFY_TOKEN)).toMatchObject({ status: 200, body: "1158201444" });
  expect(listening.stored()).toBe(0);
  expect((await deliver(SECRET)).status).toBe(202);
  expect(listening.stored()).toBe(1);
});

test("another verify token, another signature and a missing certificate are refused", async () => {
  expect((await register("another-token-of-a-stranger")).status).toBe(403);
  expect((await deliver("another app secret")).status).toBe(401);
  const body = JSON.stringify({ object: "whatsapp_business_account" });
  const headers = [
    ["X-Hub-Signature-256", `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`],
  ] as const;
  expect((await listening.send(undefined, { target: ROUTE, headers, body })).status).toBe(403);
});
