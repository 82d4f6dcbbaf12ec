// Sends requests to the deployed edge as Efí, Meta, PagerDuty and Microsoft Graph would send them. The policy is the one that
// `countersign policy add` writes.

import "reflect-metadata";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { KeyUsageFlags } from "@peculiar/x509";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { replaceAnchor, replacePin } from "../../cli/presets/world.ts";
import { readEvents, startTestOrigin, type TestOrigin } from "../../support/origin.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { NO_CERTIFICATE, tlsClientAuth } from "../../support/tls-client-auth.ts";
import { type DeployedEdge, startWorkerd } from "../../support/workerd.ts";
import { createUser, issueClient } from "./world.ts";

const SECRETS = {
  META_APP_SECRET: "app-secret-0123456789abcdef",
  META_VERIFY_TOKEN: "verify-token-0123456789",
  PAGERDUTY_WEBHOOK_SECRET: "pagerduty-0123456789abcdef",
  GRAPH_CLIENT_STATE: "client-state-0123456789abcdef",
};
const PAGERDUTY = { C: "US", O: "PagerDuty, Inc.", CN: "webhooks.pagerduty.com" };
const CHAVE = "71cdf9ba-c695-4e3c-b010-abb521a3f1be";
const JSON_TYPE = ["Content-Type", "application/json"] as const;

const stack = new AsyncDisposableStack();
const clients = {} as Record<"efi" | "sandbox" | "meta" | "pagerduty" | "renamed", Identity>;
let edge: DeployedEdge;
let origin: TestOrigin;

beforeAll(async () => {
  const root = await issueCertificate({ subject: [{ CN: ["Efi Pay Root CA"] }], ca: {} });
  const keyUsage = KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature;
  const issue = (CN: string) => issueCertificate({ subject: [{ CN: [CN] }], ca: { pathLength: 0 }, keyUsage }, root);
  clients.efi = await issue("webhook.efipay.com.br");
  clients.sandbox = await issue("webhook-h.efipay.com.br");
  const metaCa = await issueCertificate({ subject: [{ CN: ["Meta Outbound API CA"] }], ca: {} });
  clients.meta = await issueClient({ CN: "client.webhooks.fbclientcerts.com" }, metaCa);
  const pagerdutyCa = await issueCertificate({ subject: [{ CN: ["CA of PagerDuty"] }], ca: {} });
  clients.pagerduty = await issueClient(PAGERDUTY, pagerdutyCa);
  clients.renamed = await issueClient({ ...PAGERDUTY, O: "PagerDuty LLC" }, pagerdutyCa);
  const user = await createUser(stack);
  stack.use(replaceAnchor("pix-efi", "efi-pay-root", root));
  stack.use(replacePin("pix-efi", clients.efi));
  const file = user.write("chain.crt", clients.efi, root);
  await user.add("--preset", "pix-efi", "--anchor", `efi-pay-root=${file}`, "--value", `chave=${CHAVE}`);
  await user.add("--preset", "meta", "--anchor", `meta-outbound-api-ca-2025-12=${user.write("meta.pem", metaCa)}`);
  const next = ["--anchor", `pagerduty-next=${user.write("pagerduty.pem", pagerdutyCa)}`, "--mode", "observe"];
  await user.add("--preset", "pagerduty", ...next);
  await user.add("--preset", "microsoft-graph");
  const policy = JSON.parse(readFileSync(join(file, "../policy.json"), "utf8"));
  const key = await newSigningKey();
  origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const bindings = { ...SECRETS, SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  edge = (await startWorkerd(stack, policy, { edge: bindings })).edge;
});
afterAll(() => stack.disposeAsync());

const events = () => readEvents(origin.inboxFile);
const sendTo = (target: string, client: Identity | undefined, body: object) =>
  edge.send({
    target,
    method: "POST",
    headers: [JSON_TYPE],
    body: JSON.stringify(body),
    tls: client === undefined ? NO_CERTIFICATE : tlsClientAuth(client),
  });
const payTo = (chave: string) => ({ pix: [{ endToEndId: "E1", chave, valor: "10.00" }] });

test("Efí registers the URL, payments to the user's key arrive, and events without a key are not lost", async () => {
  expect((await sendTo("/hooks/pix-efi", undefined, {})).status).toBe(403);
  const sent = [
    ["", {}, "pix-efi-other"],
    ["/pix", payTo(CHAVE), "pix-efi"],
    ["/rec", { recs: [{ idRec: "RR1" }] }, "pix-efi-other"],
    ["/cobr", { cobsr: [{ idRec: "RR1" }] }, "pix-efi-other"],
  ] as const;
  for (const [suffix, body, sender] of sent) {
    expect((await sendTo(`/hooks/pix-efi${suffix}`, clients.efi, body)).status).toBe(200);
    expect(events().at(-1)?.["sender"]).toBe(sender);
  }
  expect(events()).toHaveLength(sent.length);
  expect((await sendTo("/hooks/pix-efi/pix", clients.efi, payTo("a-stranger"))).status).toBe(403);
  expect((await sendTo("/hooks/pix-efi/pix", clients.sandbox, payTo(CHAVE))).status).toBe(503);
  expect(events()).toHaveLength(sent.length);
});

test("Meta registers the URL with its verify token, and then a signed event arrives", async () => {
  const before = events().length;
  const register = (token: string) =>
    edge.send({
      target: `/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=${token}`,
      method: "GET",
      tls: NO_CERTIFICATE,
    });
  const answer = await register(SECRETS.META_VERIFY_TOKEN);
  expect([answer.status, answer.body.toString()]).toEqual([200, "1158201444"]);
  expect((await register("another-token-of-a-stranger")).status).toBe(403);
  expect(events()).toHaveLength(before);
  const body = JSON.stringify({ object: "whatsapp_business_account", entry: [] });
  const deliver = (key: string) => {
    const signature = createHmac("sha256", key).update(body).digest("hex");
    const headers = [JSON_TYPE, ["X-Hub-Signature-256", `sha256=${signature}`]] as const;
    return edge.send({ target: "/hooks/meta", method: "POST", headers, body, tls: tlsClientAuth(clients.meta) });
  };
  expect((await deliver("another secret")).status).toBe(401);
  expect((await deliver(SECRETS.META_APP_SECRET)).status).toBe(202);
  expect(events()).toHaveLength(before + 1);
});

test("PagerDuty is asked to send an event with a new subject again, and a wrong signature is final", async () => {
  const before = events().length;
  const body = JSON.stringify({ event: { id: "one", event_type: "incident.triggered" } });
  const deliver = async (client: Identity, key: string) => {
    const signature = createHmac("sha256", key).update(body).digest("hex");
    const headers = [JSON_TYPE, ["X-Webhook-Id", "one"], ["X-PagerDuty-Signature", `v1=${signature}`]] as const;
    const answer = await edge.send({
      target: "/hooks/pagerduty",
      method: "POST",
      headers,
      body,
      tls: tlsClientAuth(client),
    });
    return [answer.status, answer.headers["retry-after"] !== undefined];
  };
  expect(await deliver(clients.renamed, SECRETS.PAGERDUTY_WEBHOOK_SECRET)).toEqual([503, true]);
  expect(await deliver(clients.pagerduty, "another secret of them")).toEqual([401, false]);
  expect(events()).toHaveLength(before);
  expect(await deliver(clients.pagerduty, SECRETS.PAGERDUTY_WEBHOOK_SECRET)).toEqual([202, false]);
  expect(events()).toHaveLength(before + 1);
});

test("Microsoft Graph creates a subscription, and only notifications with the clientState arrive", async () => {
  const before = events().length;
  const target = `/hooks/microsoft-graph?${new URLSearchParams({ validationToken: "Validation: 1f8ca2e8" })}`;
  const answer = await edge.send({ target, method: "POST", body: "", tls: NO_CERTIFICATE });
  expect([answer.status, answer.body.toString()]).toEqual([200, "Validation: 1f8ca2e8"]);
  const notify = (...states: string[]) => {
    const value = states.map((clientState) => ({ subscriptionId: "1", clientState }));
    return sendTo("/hooks/microsoft-graph", undefined, { value });
  };
  expect((await notify("another state of a stranger")).status).toBe(401);
  expect((await notify(SECRETS.GRAPH_CLIENT_STATE, "another")).status).toBe(401);
  expect((await notify()).status).toBe(403);
  expect(events()).toHaveLength(before);
  expect((await notify(SECRETS.GRAPH_CLIENT_STATE, SECRETS.GRAPH_CLIENT_STATE)).status).toBe(202);
  expect(JSON.parse(String(events().at(-1)?.["relied_on_edge"]))).toEqual(["token"]);
});
