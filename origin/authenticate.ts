// The way of one event through the origin. Hono middleware on web standards only: Node, workerd and others run it as it is.
// It trusts the edge for nothing that it can check by itself: signature, time, bytes, certificate, trust, allowlist, replay.

import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { admit, describeCertificate } from "../core/admit.ts";
import { type AssertionClaims, matchRequest, verifyAssertion } from "../core/assertion.ts";
import { type DecisionContext, describeRefusal, formatProblem, type LogLine } from "../core/decision.ts";
import { bindDelivery, type Delivery, formatContentDigest } from "../core/delivery.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import { type Policy, selectRoute } from "../core/policy.ts";
import {
  type ClientCertificate,
  parseClientCertChainField,
  parseClientCertField,
  parseClientCertificate,
} from "../core/presented-certificate.ts";
import { readBody } from "../core/read-body.ts";
import { Refusal, toRefusal } from "../core/refusal.ts";
import { selectForwardedHeaders } from "../core/request-headers.ts";
import { readRequestTarget } from "../core/request-target.ts";
import { verifyTrust } from "../core/trust.ts";
import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../core/wire.ts";

/** What makes an assertion unique (`issuer`, `jti`), and the Unix second after which it is refused anyway. */
export interface AssertionId {
  readonly issuer: string;
  readonly jti: string;
  readonly expires: number;
}

/**
 * Takes responsibility for a delivery: records the assertion's id, with the event if it keeps events, in one atomic step.
 * @throws Refusal `replayed` when the id is there already, `store_unavailable` when nothing could be recorded
 */
export type AcceptDelivery = (delivery: Delivery, assertion: AssertionId) => void | Promise<void>;

export interface AuthenticateOptions {
  /** This origin's own copy of the policy. */
  readonly policy: Policy;
  /** Verification keys of the edge: `pinnedKeys` or `fetchedKeys`. */
  readonly findKey: FindVerificationKey;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
  /** The replay check. There is none by default, because one that forgets would be none. */
  readonly accept: AcceptDelivery;
  /** Receives one line per request. */
  readonly log: (line: LogLine) => void;
  /** Unix seconds. */
  readonly clock?: () => number;
}

/** What a guarded handler finds in `c.var`. */
export type AuthenticatedEnv = { Variables: { delivery: Delivery } };

/**
 * Middleware that lets a request pass only with an assertion of our edge, and calls `accept` before the handler.
 * The handler reads `c.var.delivery`: body bytes, sender, certificate. The request's own body has been read.
 * Does not check certificate revocation lists or webhook signatures.
 */
export function authenticate(options: AuthenticateOptions): MiddlewareHandler<AuthenticatedEnv> {
  return createMiddleware<AuthenticatedEnv>(async function authenticate(c, next) {
    const context: DecisionContext = { id: crypto.randomUUID() };
    try {
      c.set("delivery", await receive(c.req.raw, options, context));
      options.log({ decision: "accepted", ...context });
    } catch (error) {
      const refusal = toRefusal(error);
      options.log(describeRefusal(refusal, context));
      return formatProblem(refusal, context.id);
    }
    return next();
  });
}

/** Each step takes what the step before returned; the first that fails ends the request. */
async function receive(request: Request, options: AuthenticateOptions, context: DecisionContext): Promise<Delivery> {
  const { policy, clock = systemClock } = options;
  const { url, target } = readRequestTarget(request.url);
  const route = selectRoute(policy, url.pathname, request.method);

  const claims = await verifyAssertion(readAssertion(request.headers), options.findKey, options, clock());
  context["edgeDecision"] = claims.txn;
  if (claims.pol !== policy.digest) context["policyDrift"] = { edge: claims.pol, origin: policy.digest };

  const body = await readBody(request, route.maxBodyBytes);
  const facts = { method: request.method, target, contentType: request.headers.get("content-type") ?? "" };
  matchRequest(claims, facts, digestOf(body, request.headers));

  const certificate = readAssertedCertificate(request.headers, claims);
  context.certificate = describeCertificate(certificate);

  const now = clock();
  const proven = verifyTrust(certificate, route.senders, policy.deny, now);
  const admitted = admit(proven, route, now);
  context["sender"] = admitted.sender.name;
  if (admitted.sender.name !== claims.sender) {
    throw new Refusal("sender_mismatch", { edge: claims.sender, origin: admitted.sender.name });
  }

  const delivery = bindDelivery(admitted, {
    id: claims.txn,
    request: facts,
    headers: selectForwardedHeaders(request.headers, route.headers),
    body,
    policyDigest: policy.digest,
  });
  await options.accept(delivery, { issuer: claims.iss, jti: claims.jti, expires: claims.exp });
  return delivery;
}

function readAssertion(headers: Headers): string {
  const assertion = headers.get(ASSERTION_HEADER);
  if (assertion === null) throw new Refusal("assertion_missing");
  return assertion;
}

/** The digest of the bytes received; a Content-Digest beside them that says otherwise is refused, not ignored. */
function digestOf(body: Uint8Array, headers: Headers): string {
  const digest = formatContentDigest(body);
  const declared = headers.get(CONTENT_DIGEST_HEADER);
  if (declared !== digest) throw new Refusal("body_mismatch", { declared, received: digest });
  return digest;
}

/** The certificate beside the assertion, which must be the one that the assertion is bound to (RFC 8705 §3.1). */
function readAssertedCertificate(headers: Headers, { cnf, crt }: AssertionClaims): ClientCertificate {
  const field = headers.get(CLIENT_CERT_HEADER);
  if (field === null) throw new Refusal("certificate_mismatch", { cause: "no Client-Cert" });
  const certificate = parseClientCertificate({
    leaf: parseClientCertField(field),
    intermediates: parseClientCertChainField(headers.get(CLIENT_CERT_CHAIN_HEADER) ?? ""),
    platform: crt.platform,
  });
  const thumbprint = Buffer.from(certificate.leaf.sha256, "hex").toString("base64url");
  if (thumbprint !== cnf["x5t#S256"])
    throw new Refusal("certificate_mismatch", { signed: cnf["x5t#S256"], received: thumbprint });
  return certificate;
}

function systemClock(): number {
  return Math.floor(Date.now() / 1000);
}
