// Tests how the current policy judges a stored event: with secrets and revocation lists, and without them.

import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { importSecrets } from "../../../core/admission/secrets.ts";
import type { Delivery } from "../../../core/delivery/delivery.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { explainEvent, type JudgedBy } from "../../../origin/explain/event.ts";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { type DeliveryParts, deliveryOf } from "../../support/inbox.ts";
import { ACME, BETA, createSenders, type Senders } from "../../support/senders.ts";
import { SECRETS, SIGNED_SENDERS, signedPolicy } from "../../support/signed-senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let senders: Senders;
let inbox: Inbox;
beforeEach(async () => {
  stack = new AsyncDisposableStack();
  senders = await createSenders();
  inbox = await openInbox(join(temporaryDirectory(stack), "inbox.sqlite"));
  stack.defer(() => inbox.close());
});
afterEach(() => stack.disposeAsync());

const NOW = Math.floor(Date.now() / 1000);

async function store(parts: Partial<DeliveryParts>, headers: Delivery["headers"] = []) {
  const delivery = deliveryOf({ id: "one", sender: ACME, ...parts });
  await inbox.accept({ ...delivery, headers }, { issuer: "edge", jti: "one", expires: 0 });
  const event = await inbox.event("one");
  if (event === undefined) throw new Error("the event was not stored");
  return event;
}

function by(document: PolicyDocument, secrets: boolean): JudgedBy {
  const policy = compilePolicy(document);
  const read = (name: string) => SECRETS[name as keyof typeof SECRETS];
  return { policy, secrets: secrets ? importSecrets(policy, read) : new Map(), lists: NO_LISTS };
}

test.each(["github", "slack", "stripe", "svix"])("a signature of %s, with its secret here", async (sender) => {
  const body = '{"a":1}';
  const headers = (SIGNED_SENDERS[sender]?.sign(Buffer.from(body)) ?? []).map(([key, value]) => [key, value] as const);
  const event = await store({ sender, body, identity: undefined, target: `/hooks/signed/${sender}` }, headers);
  const judged = by(signedPolicy(senders.policy), true);
  expect(await explainEvent(event, judged, NOW)).toMatchObject({
    verdict: "accepted",
    sender: { certificate: null, signature: { verdict: "accepted", keys: SIGNED_SENDERS[sender]?.secrets } },
  });
  const changed = { ...event, body: new TextEncoder().encode('{"a":2}') };
  expect(await explainEvent(changed, judged, NOW)).toMatchObject({ verdict: "refused", code: "signature_mismatch" });
});

test("a signature whose secret is not loaded here, or whose body is deleted, is undecided", async () => {
  const body = '{"a":1}';
  const signed = (SIGNED_SENDERS["github"]?.sign(Buffer.from(body)) ?? []).map(([key, value]) => [key, value] as const);
  const event = await store({ sender: "github", body, identity: undefined, target: "/hooks/signed/github" }, signed);
  const document = signedPolicy(senders.policy);
  const why = "cannot be checked: secret HUB_SECRET: it is not loaded here";
  const explained = await explainEvent(event, by(document, false), NOW);
  expect(explained).toMatchObject({ verdict: "undecided", code: null, why });
  const erased = await explainEvent({ ...event, body: undefined }, by(document, true), NOW);
  expect(erased).toMatchObject({ verdict: "undecided", why: "cannot be checked: the body is deleted" });
});

test("credentials count as checked if they were checked for the stored event, and are undecided otherwise", async () => {
  const body = "{}";
  const signed = (SIGNED_SENDERS["docusign"]?.sign(Buffer.from(body)) ?? []).map(
    ([key, value]) => [key, value] as const,
  );
  const event = await store({ sender: "all", identity: senders.acme, body, target: "/hooks/all" }, signed);
  const judged = by(signedPolicy(senders.policy), true);
  const explained = await explainEvent(event, judged, NOW);
  expect(explained).toMatchObject({
    verdict: "accepted",
    sender: { signature: { verdict: "accepted" }, basic: { wasCheckedBefore: true, usernames: ["docusign"] } },
  });
  expect(await explainEvent({ ...event, factors: ["mtls", "hmac"] }, judged, NOW)).toMatchObject({
    verdict: "undecided",
    why: "cannot be checked: credentials are not stored",
  });
  for (const secret of Object.values(SECRETS)) expect(JSON.stringify(explained)).not.toContain(secret);
});

test("revocation lists are used if there are any, and otherwise not checked", async () => {
  const event = await store({ identity: senders.acme });
  const crls = { sources: ["https://crls.invalid/root.crl"], freshness: "require" as const };
  const anchors = Object.fromEntries(
    Object.entries(senders.policy.anchors).map(([name, certificate]) => [
      name,
      { certificate: String(certificate), crls },
    ]),
  );
  const judged = by({ ...senders.policy, anchors }, false);
  const refused = await explainEvent(event, judged, NOW);
  expect(refused).toMatchObject({ verdict: "refused", code: "revocation_unknown" });
  expect(refused.sender?.certificate?.trust?.path?.certificates[0]?.crl?.state).toBe("unknown");
  const unasked = await explainEvent(event, { ...judged, lists: undefined }, NOW);
  expect([unasked.verdict, unasked.certificateNow]).toEqual(["accepted", undefined]);
});

test("a policy that has changed: another route, another sender, a smaller limit, a denied certificate", async () => {
  const event = await store({ identity: senders.acme });
  const { policy } = senders;
  const route = { senders: [ACME], methods: ["POST"] };
  const told = async (document: PolicyDocument) => {
    const { verdict, code, why } = await explainEvent(event, by(document, false), NOW);
    return [verdict, code ?? why];
  };
  expect(await told(policy)).toEqual(["accepted", null]);
  expect(await told({ ...policy, routes: { "/other": route } })).toEqual(["refused", "unknown_route"]);
  expect(await told({ ...policy, routes: { "/hooks/acme": { ...route, methods: ["PUT"] } } })).toEqual([
    ...["refused", "method_not_allowed"],
  ]);
  expect(await told({ ...policy, routes: { "/hooks/acme": { ...route, senders: [BETA] } } })).toEqual([
    ...["refused", `the route does not admit ${ACME}`],
  ]);
  expect(await told({ ...policy, routes: { "/hooks/acme": { ...route, maxBodyBytes: 2 } } })).toEqual([
    ...["refused", "body_too_large"],
  ]);
  const { sha256 } = compilePolicy(policy).anchors[0]?.certificate ?? { sha256: "" };
  expect(await told({ ...policy, deny: [{ sha256 }] })).toEqual(["refused", "certificate_denied"]);
});

test("the certificate is judged at the time of the event, and at the current time", async () => {
  const event = await store({ identity: senders.acme });
  const late = NOW + 100 * 365 * 86_400;
  const explained = await explainEvent(event, by(senders.policy, false), late);
  expect([explained.verdict, explained.certificateNow?.code]).toEqual(["accepted", "certificate_expired"]);
});

test("a certificate whose bytes are deleted leaves the verdict open", async () => {
  const { certificate, ...rest } = await store({ identity: senders.acme });
  if (certificate === undefined) throw new Error("the event has no certificate");
  const { der: _, intermediates: __, ...facts } = certificate;
  expect(await explainEvent({ ...rest, certificate: facts }, by(senders.policy, false), NOW)).toMatchObject({
    verdict: "undecided",
    why: "the certificate's bytes are deleted",
  });
});
