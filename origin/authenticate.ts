// The way of one event through the origin. Hono middleware on web standards only: Node, workerd and others run it as it is.
// It trusts the edge for nothing that it can check by itself: signature, time, bytes, certificate, trust, allowlist, replay.

import type { MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { type AdmittedSender, admit, describeCertificate } from "../core/admit.ts";
import { type AssertionClaims, matchRequest, verifyAssertion } from "../core/assertion.ts";
import { ConfigurationError } from "../core/configuration-error.ts";
import { type DecisionContext, describeRefusal, formatProblem, type LogLine } from "../core/decision.ts";
import { bindDelivery, type Delivery, type DigestedBody, digestBody, type RequestFacts } from "../core/delivery.ts";
import type { FindVerificationKey } from "../core/keys.ts";
import { type Policy, type Route, selectRoute } from "../core/policy.ts";
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
import { NO_LISTS, type RevocationLists } from "../core/revocation.ts";
import { type TrustFacts, verifyTrust } from "../core/trust.ts";
import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../core/wire.ts";
import { systemClock } from "./clock.ts";

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

interface OriginOptions {
  /** This origin's own copy of the policy. */
  readonly policy: Policy;
  /** The replay check. There is none by default, because one that forgets would be none. */
  readonly accept: AcceptDelivery;
  /** Receives one line per request. */
  readonly log: (line: LogLine) => void;
  /** Unix seconds. */
  readonly clock?: () => number;
  /** The revocation lists as they are loaded now, for a policy that names sources of them: `openCrlStore`. */
  readonly lists?: () => RevocationLists;
}

/** Behind the edge: the request carries its assertion. */
export interface AssertionOptions extends OriginOptions {
  /** Verification keys of the edge: `pinnedKeys` or `fetchedKeys`. */
  readonly findKey: FindVerificationKey;
  /** The `ISSUER` and `AUDIENCE` of the edge's configuration. */
  readonly issuer: string;
  readonly audience: string;
}

/** Without the edge: this origin's listener, or a proxy that it trusts, saw the handshake. */
export interface CertificateOptions extends OriginOptions {
  /** Reads the certificate of the connection; `environment` is the runtime's, on Node it holds the socket. */
  readonly readCertificate: (request: Request, environment: unknown) => ClientCertificate;
  /** Objects, by a Refusal, to a certificate that was admitted. It can turn a yes into a no, never a no into a yes. */
  readonly crossCheck?: (environment: unknown) => void;
}

export type AuthenticateOptions = AssertionOptions | CertificateOptions;

/** What a guarded handler finds in `c.var`. */
export type AuthenticatedEnv = { Variables: { delivery: Delivery } };

/**
 * Middleware that lets a request pass only with a proven, admitted sender, and calls `accept` before the handler.
 * The handler reads `c.var.delivery`: body bytes, sender, certificate. The request's own body has been read.
 * Does not check webhook signatures.
 * @throws ConfigurationError when the policy names revocation lists and there are no `lists`
 */
export function authenticate(options: AuthenticateOptions): MiddlewareHandler<AuthenticatedEnv> {
  if (options.policy.crlSources.length > 0 && options.lists === undefined) {
    throw new ConfigurationError("origin", ["the policy names sources of revocation lists: pass `lists`"]);
  }
  return createMiddleware<AuthenticatedEnv>(async function authenticate(c, next) {
    const context: DecisionContext = { id: crypto.randomUUID() };
    try {
      const delivery =
        "findKey" in options
          ? receiveAsserted(c.req.raw, options, context)
          : receiveDirect(c.req.raw, options, context, c.env);
      c.set("delivery", await delivery);
      options.log({ decision: "accepted", ...context });
    } catch (error) {
      const refusal = toRefusal(error);
      options.log(describeRefusal(refusal, context));
      return formatProblem(refusal, context.id);
    }
    return next();
  });
}

/** Behind the edge. Each step takes what the step before returned; the first that fails ends the request. */
async function receiveAsserted(
  request: Request,
  options: AssertionOptions,
  context: DecisionContext,
): Promise<Delivery> {
  const { policy, clock = systemClock } = options;
  const { url, target } = readRequestTarget(request.url);
  const route = selectRoute(policy, url.pathname, request.method);

  const claims = await verifyAssertion(readAssertion(request.headers), options.findKey, options, clock());
  context["edgeDecision"] = claims.txn;
  if (claims.pol !== policy.digest) context["policyDrift"] = { edge: claims.pol, origin: policy.digest };

  const body = digestBody(await readBody(request, route.maxBodyBytes));
  const facts = readRequestFacts(request, target);
  requireDeclaredDigest(body, request.headers);
  matchRequest(claims, facts, body.contentDigest);

  const certificate = readAssertedCertificate(request.headers, claims);
  const admitted = judge(certificate, route, trustFacts(policy, options), context);
  if (admitted.sender.name !== claims.sender) {
    throw new Refusal("sender_mismatch", { edge: claims.sender, origin: admitted.sender.name });
  }

  const headers = selectForwardedHeaders(request.headers, route.headers);
  const delivery = bindDelivery(admitted, {
    id: claims.txn,
    request: facts,
    headers,
    body,
    policyDigest: policy.digest,
  });
  await options.accept(delivery, { issuer: claims.iss, jti: claims.jti, expires: claims.exp });
  return delivery;
}

/** Without the edge: the certificate is judged before a byte of the body is read. */
async function receiveDirect(
  request: Request,
  options: CertificateOptions,
  context: DecisionContext,
  environment: unknown,
): Promise<Delivery> {
  const { policy, clock = systemClock } = options;
  const { url, target } = readRequestTarget(request.url);
  const route = selectRoute(policy, url.pathname, request.method);

  const certificate = options.readCertificate(request, environment);
  const admitted = judge(certificate, route, trustFacts(policy, options), context);
  options.crossCheck?.(environment);

  const body = digestBody(await readBody(request, route.maxBodyBytes));
  const headers = selectForwardedHeaders(request.headers, route.headers);
  const facts = readRequestFacts(request, target);
  const delivery = bindDelivery(admitted, {
    id: context.id,
    request: facts,
    headers,
    body,
    policyDigest: policy.digest,
  });
  // The sender's connection cannot be replayed by others; the event's own id is unique already.
  await options.accept(delivery, { issuer: "direct", jti: context.id, expires: clock() });
  return delivery;
}

/** The verdict over one certificate, the same for every way in: proven, then admitted. */
function judge(
  certificate: ClientCertificate,
  route: Route,
  facts: TrustFacts,
  context: DecisionContext,
): AdmittedSender {
  context.certificate = describeCertificate(certificate);
  const proven = verifyTrust(certificate, route.senders, facts);
  const admitted = admit(proven, route, facts.now);
  if (admitted.proof.revocation !== undefined) context["revocation"] = admitted.proof.revocation;
  context["sender"] = admitted.sender.name;
  return admitted;
}

/** The policy is that which the route was selected from: a reload may have replaced it since. */
function trustFacts({ deny }: Policy, { lists = () => NO_LISTS, clock = systemClock }: OriginOptions): TrustFacts {
  return { deny, lists: lists(), now: clock() };
}

function readRequestFacts({ method, headers }: Request, target: string): RequestFacts {
  return { method, target, contentType: headers.get("content-type") ?? "" };
}

function readAssertion(headers: Headers): string {
  const assertion = headers.get(ASSERTION_HEADER);
  if (assertion === null) throw new Refusal("assertion_missing");
  return assertion;
}

/** A Content-Digest beside the bytes that says otherwise is refused, not ignored. */
function requireDeclaredDigest({ contentDigest }: DigestedBody, headers: Headers): void {
  const declared = headers.get(CONTENT_DIGEST_HEADER);
  if (declared !== contentDigest) throw new Refusal("body_mismatch", { declared, received: contentDigest });
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
