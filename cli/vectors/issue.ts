// Makes the request that the edge of the test vectors sends for an event. The event is admitted, bound and signed by the same steps
// as in worker/receive.ts.

import { createHmac, hash } from "node:crypto";
import {
  admitByCredentials,
  admitBySignature,
  findCandidates,
  readCertificateFor,
} from "../../core/admission/admit.ts";
import { importSecrets } from "../../core/admission/secrets.ts";
import { issueAssertion } from "../../core/assertion/assertion.ts";
import { importSigningKeys, type PrivateJwk } from "../../core/assertion/keys.ts";
import { bindDelivery, type Delivery, digestBody } from "../../core/delivery/delivery.ts";
import { formatForwardedHeaders } from "../../core/delivery/forwarded-headers.ts";
import { readContentType, selectForwardedHeaders } from "../../core/delivery/headers.ts";
import { formatAssertionId, formatEventId } from "../../core/delivery/id.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { type Policy, selectRoute } from "../../core/policy/policy.ts";
import { readRequestTarget } from "../../core/request/target.ts";
import { NO_LISTS } from "../../core/revocation/revocation.ts";
import { type PresentedCertificate, parseClientCertificate } from "../../core/x509/client-certificate.ts";
import { ACME, INTERMEDIATE, MUELLER } from "./certificates.ts";
import { AUDIENCE, FIRST_KEY, ISSUER, NOW, POLICY, SECRETS } from "./world.ts";

/** An event that a sender sends to the edge. Default: a POST of a short JSON body by acme, which has a certificate. */
export interface SentEvent {
  readonly sender?: "acme" | "mueller" | "initech";
  readonly method?: string;
  readonly target?: string;
  /** The content type of the event. Null if there is none. */
  readonly contentType?: string | null;
  readonly body?: string | Uint8Array;
  /** Headers in addition to those of the signature and the body. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The key with which the edge signs. */
  readonly key?: PrivateJwk;
  /** Seconds that the event waited in the edge's queue. */
  readonly waited?: number;
}

/** A request that a receiver behind the edge receives, and the time at which the receiver judges it. */
export interface ForwardedRequest {
  readonly now: number;
  readonly method: string;
  readonly target: string;
  /** The names are in lower case. A name may occur twice. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

const TARGETS = { acme: "/hooks/acme/orders", mueller: "/hooks/mueller", initech: "/hooks/initech" };
const BODY = '{"event":"order.created","id":4711}';

const CERTIFICATES: Readonly<Record<string, PresentedCertificate>> = {
  acme: { leaf: ACME, intermediates: [], platform: undefined },
  mueller: { leaf: MUELLER, intermediates: [INTERMEDIATE], platform: { verified: "SUCCESS", revoked: false } },
};

const policy = () => compilePolicy(POLICY);

/** Makes the request. `seed` determines the ids of the event, so the same seed gives the same ids. */
export async function issue(seed: string, sent: SentEvent): Promise<ForwardedRequest> {
  const id = hash("sha256", seed, "buffer").subarray(0, 16);
  const milliseconds = NOW * 1000;
  const delivery = await admit(formatEventId(milliseconds, id), sent, policy());
  const keys = await importSigningKeys({ keys: [sent.key ?? FIRST_KEY] });
  const assertion = await issueAssertion(delivery, keys, {
    issuer: ISSUER,
    audience: AUDIENCE,
    jti: formatAssertionId(milliseconds, id),
    now: NOW,
    receivedAt: NOW - (sent.waited ?? 0),
  });
  const { request, body } = delivery;
  const headers = Object.entries(formatForwardedHeaders(delivery, assertion));
  return { now: NOW, method: request.method, target: request.target, headers, body };
}

async function admit(id: string, sent: SentEvent, policy: Policy): Promise<Delivery> {
  const { sender = "acme", method = "POST" } = sent;
  const body = Uint8Array.from(Buffer.from(sent.body ?? BODY));
  const headers = headersOf(sent, body);
  const { url, target } = readRequestTarget(`${ISSUER}${sent.target ?? TARGETS[sender]}`);
  const route = selectRoute(policy, url.pathname, method);
  const evidence = {
    certificate: readCertificateFor(route, () => parseClientCertificate(CERTIFICATES[sender] as PresentedCertificate)),
    headers,
    facts: { deny: policy.deny, lists: NO_LISTS, now: NOW },
    secrets: importSecrets(policy, (name) => SECRETS[name]),
    receivedAt: NOW,
  };
  const candidates = admitByCredentials(findCandidates(route.senders, evidence), evidence);
  const admitted = await admitBySignature(candidates, body, evidence);
  return bindDelivery(admitted, {
    id,
    request: { method, target, contentType: readContentType(headers) },
    headers: selectForwardedHeaders(headers, route, admitted.sender),
    body: digestBody(body),
    policyDigest: policy.digest,
  });
}

function headersOf(
  { sender, contentType = "application/json", headers: others }: SentEvent,
  body: Uint8Array,
): Headers {
  const { TEST_VECTORS_SIGNATURE = "", TEST_VECTORS_PASSWORD = "" } = SECRETS;
  const headers = new Headers(others);
  if (contentType !== null) headers.set("content-type", contentType);
  if (sender === "mueller") {
    headers.set("authorization", `Basic ${Buffer.from(`mueller:${TEST_VECTORS_PASSWORD}`).toString("base64")}`);
  }
  if (sender === "mueller" || sender === "initech") {
    const signature = createHmac("sha256", TEST_VECTORS_SIGNATURE).update(body).digest("hex");
    headers.set("x-hub-signature-256", `sha256=${signature}`);
  }
  return headers;
}
