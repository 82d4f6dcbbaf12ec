// The steps of one event through the origin. The code uses web standards only, so it runs unchanged on Node, workerd and other
// runtimes. Behind an edge, the origin itself checks everything that it can: signature, time, bytes, certificate, trust, allowlist,
// replay.

import { admitBySignature, findCandidates, readCertificateFor, relyOnEdge } from "../core/admission/admit.ts";
import type { Evidence } from "../core/admission/candidate.ts";
import { noteAdmitted, noteCertificate, type Trace } from "../core/admission/trace.ts";
import { type AssertionClaims, matchRequest, verifyAssertion } from "../core/assertion/assertion.ts";
import { type Delivery, type DigestedBody, digestBody, type RequestFacts } from "../core/delivery/delivery.ts";
import { readContentType, selectSignedHeaders } from "../core/delivery/headers.ts";
import { receiveFromSender } from "../core/delivery/receive.ts";
import { matchHeaders } from "../core/delivery/signed-headers.ts";
import { Question } from "../core/handshake/question.ts";
import { namesHosts, type Policy, placeOf, type Route } from "../core/policy/policy.ts";
import { OriginRefusal, Refusal } from "../core/refusal.ts";
import { BodyBudget } from "../core/request/body-budget.ts";
import { readBody } from "../core/request/read-body.ts";
import { formatSignedTarget, readRequestTarget, splitSignedTarget } from "../core/request/target.ts";
import { NO_LISTS } from "../core/revocation/revocation.ts";
import type { TrustContext } from "../core/trust/verify.ts";
import { ASSERTION_HEADER, CLIENT_CERT_CHAIN_HEADER, CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../core/wire.ts";
import { type ClientCertificate, parseClientCertFields } from "../core/x509/client-certificate.ts";
import { type AssertionId, DIRECT } from "./accept.ts";
import { keepRoute } from "./acknowledgement.ts";
import { bindEvent } from "./bind-event.ts";
import { systemClock } from "./clock.ts";
import { crossCheckCandidates } from "./cross-check.ts";
import { type Served, selectGuardedRoute } from "./guard/route.ts";
import {
  type AssertionOptions,
  type AuthenticateOptions,
  type CertificateOptions,
  NO_SECRETS,
  type OriginOptions,
} from "./options.ts";

/** Limits the memory for bodies that are being read. All guards share this budget, because the limit is for the whole process. */
const bodies = new BodyBudget({ endsOldest: true });

/** One request to be judged. `receive()` reads its body. */
export interface Asked extends Served {
  readonly request: Request;
  /** The environment of the runtime. On Node it holds the socket. */
  readonly environment: unknown;
  /** True if code in front of the guard has read the body. */
  readonly isBodyRead: boolean;
}

/** The arguments of `accept`. */
export type Received = readonly [Delivery, AssertionId];

/**
 * Judges one request, and records in `trace` what it learns. Does not call `accept`. Returns a Response for the challenge of a
 * handshake, which is no event. Behind an edge there are no challenges, because the edge answers them. @throws Refusal
 */
export function receive(asked: Asked, options: AuthenticateOptions, trace: Trace): Promise<Received | Response> {
  if (asked.isBodyRead)
    throw new Refusal("misconfigured", {
      problems: ["the body was read before the guard had it: put the guard before everything that reads bodies"],
    });
  return "findKey" in options ? receiveAsserted(asked, options, trace) : receiveDirect(asked, options, trace);
}

/**
 * Receives an event behind the edge. Each step takes the result of the step before. The first step that fails ends the request.
 */
async function receiveAsserted(asked: Asked, options: AssertionOptions, trace: Trace): Promise<Received> {
  const { request } = asked;
  // The policy and its secrets are read together, because a reload may replace both during the request.
  const { policy, secrets = NO_SECRETS, clock = systemClock } = options;
  const { context } = trace;
  const { path, target } = readRequestTarget(request.url);
  // Only the edge knows which host the sender called. The assertion names this host. So if routes of the policy name hosts, the
  // route is selected after the assertion is verified.
  const select = (host: string) => selectGuardedRoute(policy, { path, host }, request.method, asked);
  const early = namesHosts(policy) ? undefined : select("");
  if (early !== undefined) context.route = early.path;

  const claims = await verifyAssertion(readAssertion(request.headers), options.findKey, options, clock());
  context.edgeDecision = claims.txn;
  trace.likelySender = claims.sender;
  if (claims.pol !== policy.digest) context.policyDrift = { edge: claims.pol, origin: policy.digest };
  const route = early ?? select(splitSignedTarget(claims.req.target)[0]);
  context.route = route.path;

  const body = digestBody(await readBody(request, route.maxBodyBytes));
  const facts = readRequestFacts(request, target, route);
  requireDeclaredDigest(body, request.headers);
  matchRequest(claims, facts, body.contentDigest);
  const signedHeaders = matchHeaders(claims, request.headers);

  const evidence: Evidence = {
    certificate: readAssertedCertificate(request.headers, claims),
    headers: request.headers,
    facts: trustFacts(policy, options),
    secrets,
    // The time at which the edge received the event. The timestamp of the signature is compared with this time. The current time
    // may be much later, because the event may have waited in the edge's queue.
    receivedAt: claims.rcv ?? claims.iat,
  };
  trace.evidence = evidence;
  noteCertificate(context, evidence);
  const candidate = relyOnEdge(findCandidates(route.senders, evidence), claims, evidence.secrets);
  const admitted = noteAdmitted(trace, await admitBySignature([candidate], body.bytes, evidence));

  const delivery = bindEvent(trace, admitted, {
    id: claims.txn,
    request: facts,
    headers: selectSignedHeaders(request.headers, route, admitted.sender, signedHeaders),
    body,
    policyDigest: policy.digest,
  });
  return [keepRoute(delivery, route), { issuer: claims.iss, jti: claims.jti, expires: claims.exp }];
}

/** Receives an event without an edge. The certificate and the credentials are judged before any part of the body is read. */
async function receiveDirect(asked: Asked, options: CertificateOptions, trace: Trace): Promise<Received | Response> {
  const { request, environment } = asked;
  // The policy and its secrets are read together, because a reload may replace both during the request.
  const { policy, secrets = NO_SECRETS, clock = systemClock } = options;
  const { context } = trace;
  const { url, path, target } = readRequestTarget(request.url);
  const question = new Question(request, url);
  const route = selectGuardedRoute(policy, { path, host: url.host }, request.method, asked, question);
  trace.route = route;
  context.route = route.path;

  const certificate = readCertificateFor(route, () => options.readCertificate(request, environment));
  const facts = trustFacts(policy, options);
  const evidence: Evidence = { certificate, headers: request.headers, facts, secrets, receivedAt: facts.now };
  const delivery = await receiveFromSender(
    {
      request,
      question,
      target,
      route,
      evidence,
      bodies,
      policyDigest: policy.digest,
      crossCheck: (candidates) => crossCheckCandidates(candidates, () => options.crossCheck?.(environment)),
      bind: (admitted, event) => bindEvent(trace, admitted, event),
    },
    trace,
  );
  if (delivery instanceof Response) return delivery;
  // Without an edge, there is no assertion that somebody could replay. So the id of the request, which is unique, is used as `jti`.
  return [keepRoute(delivery, route), { issuer: DIRECT, jti: context.id, expires: clock() }];
}

function trustFacts({ deny }: Policy, { lists = () => NO_LISTS, clock = systemClock }: OriginOptions): TrustContext {
  return { deny, lists: lists(), now: clock() };
}

function readRequestFacts({ method, headers }: Request, target: string, route: Route): RequestFacts {
  const [host] = placeOf(route);
  return { method, target: formatSignedTarget(target, host), contentType: readContentType(headers) };
}

function readAssertion(headers: Headers): string {
  const assertion = headers.get(ASSERTION_HEADER);
  if (assertion === null) throw new OriginRefusal("assertion_missing");
  return assertion;
}

/** Refuses a request whose Content-Digest differs from the digest of the received bytes. */
function requireDeclaredDigest({ contentDigest }: DigestedBody, headers: Headers): void {
  const declared = headers.get(CONTENT_DIGEST_HEADER);
  if (declared !== contentDigest) throw new Refusal("body_mismatch", { declared, received: contentDigest });
}

/**
 * Reads the certificate in the header fields. Refuses the request if the assertion is bound to another certificate (RFC 8705 §3.1).
 * If the assertion is bound to no certificate, because the sender needs none, the request must not have a certificate either.
 */
function readAssertedCertificate(headers: Headers, { cnf, crt }: AssertionClaims): ClientCertificate | Refusal {
  const field = headers.get(CLIENT_CERT_HEADER);
  if (cnf === undefined) {
    if (field !== null) throw new OriginRefusal("certificate_mismatch", { cause: "Client-Cert without cnf" });
    return new Refusal("no_certificate", { cause: "the assertion names none" });
  }
  if (field === null) throw new OriginRefusal("certificate_mismatch", { cause: "no Client-Cert" });
  const chain = headers.get(CLIENT_CERT_CHAIN_HEADER) ?? "";
  const certificate = parseClientCertFields(field, chain, crt?.platform);
  const thumbprint = Buffer.from(certificate.leaf.sha256, "hex").toString("base64url");
  if (thumbprint !== cnf["x5t#S256"])
    throw new OriginRefusal("certificate_mismatch", { signed: cnf["x5t#S256"], received: thumbprint });
  return certificate;
}
