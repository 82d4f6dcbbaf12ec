// The way of one event through the edge. Read this first: each step takes what the step before returned.

import { admit, describeCertificate } from "../core/admit.ts";
import { issueAssertion } from "../core/assertion.ts";
import type { DecisionContext, LogLine } from "../core/decision.ts";
import { bindDelivery, digestBody } from "../core/delivery.ts";
import { selectRoute } from "../core/policy.ts";
import { readBody } from "../core/read-body.ts";
import { Refusal } from "../core/refusal.ts";
import { selectForwardedHeaders } from "../core/request-headers.ts";
import { readRequestTarget } from "../core/request-target.ts";
import { NO_LISTS } from "../core/revocation.ts";
import { verifyTrust } from "../core/trust.ts";
import { JWKS_MAX_AGE_SECONDS, JWKS_PATH } from "../core/wire.ts";
import type { Edge } from "./edge.ts";
import { forward } from "./forward.ts";
import { readTlsClientAuth } from "./tls-client-auth.ts";

/** What the entry point alone may read and do: the clock (Unix seconds), randomness (128 bits in base64url), the log. */
export interface Ambient {
  readonly clock: () => number;
  readonly randomId: () => string;
  readonly log: (line: LogLine) => void;
  /** Lets work go on after the answer. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * Receives one request: proves the certificate, admits the sender, signs, forwards, and returns the origin's answer.
 * @throws Refusal for every other outcome
 */
export async function receive(
  request: Request,
  edge: Edge,
  context: DecisionContext,
  ambient: Ambient,
): Promise<Response> {
  const { url, target } = readRequestTarget(request.url);
  requireConfiguredHost(url, edge);
  if (url.pathname === JWKS_PATH) return publishJwks(request, edge);

  const route = selectRoute(edge.policy, url.pathname, request.method);
  context["route"] = route.path;

  const certificate = readTlsClientAuth(request.cf?.["tlsClientAuth"]);
  context.certificate = describeCertificate(certificate);

  const now = ambient.clock();
  const lists = edge.crls === undefined ? NO_LISTS : await edge.crls.lists({ ...ambient, now });
  const proven = verifyTrust(certificate, route.senders, { deny: edge.policy.deny, lists, now });
  const admitted = admit(proven, route, now);
  if (admitted.proof.revocation !== undefined) context["revocation"] = admitted.proof.revocation;
  context["sender"] = admitted.sender.name;

  const delivery = bindDelivery(admitted, {
    id: context.id,
    request: { method: request.method, target, contentType: request.headers.get("content-type") ?? "" },
    headers: selectForwardedHeaders(request.headers, route.headers),
    body: digestBody(await readBody(request, route.maxBodyBytes)),
    policyDigest: edge.policy.digest,
  });

  const assertion = await issueAssertion(delivery, edge.keys, {
    issuer: edge.issuer,
    audience: edge.audience,
    jti: ambient.randomId(),
    now: ambient.clock(),
  });
  return forward(delivery, certificate, assertion, edge);
}

function requireConfiguredHost(url: URL, edge: Edge): void {
  if (url.protocol !== "https:") throw new Refusal("plain_http", { host: url.host });
  if (!edge.hosts.has(url.host)) throw new Refusal("unknown_host", { host: url.host });
}

function publishJwks(request: Request, edge: Edge): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal("method_not_allowed", { method: request.method, allow: "GET, HEAD" });
  }
  return Response.json(edge.keys.jwks, {
    headers: { "content-type": "application/jwk-set+json", "cache-control": `public, max-age=${JWKS_MAX_AGE_SECONDS}` },
  });
}
