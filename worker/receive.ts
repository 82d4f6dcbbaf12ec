// The steps of one event through the edge. Read this file first. Each step uses the result of the step before.

import { readCertificateFor } from "../core/admission/admit.ts";
import type { Evidence } from "../core/admission/candidate.ts";
import type { Trace } from "../core/admission/trace.ts";
import { issueAssertion } from "../core/assertion/assertion.ts";
import { publishKeys } from "../core/assertion/keys.ts";
import { bindDelivery, type Delivery } from "../core/delivery/delivery.ts";
import { isPlainText } from "../core/delivery/headers.ts";
import { receiveFromSender } from "../core/delivery/receive.ts";
import { Question } from "../core/handshake/question.ts";
import type { LogLine } from "../core/log-line.ts";
import { type Route, selectRoute } from "../core/policy/policy.ts";
import { Refusal } from "../core/refusal.ts";
import { BodyBudget } from "../core/request/body-budget.ts";
import { requireHostField } from "../core/request/host.ts";
import { readRequestTarget } from "../core/request/target.ts";
import { NO_LISTS } from "../core/revocation/revocation.ts";
import { JWKS_PATH } from "../core/wire.ts";
import type { Edge } from "./configuration.ts";
import { forward } from "./forward.ts";
import { enqueue } from "./queue/enqueue.ts";
import { readTlsClientAuth } from "./tls-client-auth.ts";

/**
 * The functions that the entry point passes in, because no other module may use them directly: the clock (Unix seconds), new ids of
 * assertions, the log, and `waitUntil`.
 */
export interface Ambient {
  readonly clock: () => number;
  readonly newAssertionId: () => string;
  readonly log: (line: LogLine) => void;
  /** Lets work continue after the response. */
  readonly waitUntil: (promise: Promise<unknown>) => void;
}

/**
 * The memory limit for bodies of unproven senders in one isolate. At the limit, the body that needs more memory is refused. The
 * budget cannot end the oldest body instead, because in workerd a request must not touch the stream of a different request.
 */
const bodies = new BodyBudget({ endsOldest: false });

/**
 * Receives one request: proves the certificate, admits the sender, signs, forwards, and returns the origin's response. On a queued
 * route, puts the event into the queue and returns 202. queue/deliver.ts delivers the event later. Answers the challenge of a
 * handshake itself.
 * @throws Refusal for every other outcome
 */
export async function receive(request: Request, edge: Edge, trace: Trace, ambient: Ambient): Promise<Response> {
  const { url, path, target } = readRequestTarget(request.url);
  requireHostField(request.headers);
  requireConfiguredHost(url, edge);
  if (path === JWKS_PATH) return publishJwks(request, edge);

  const question = new Question(request, url);
  const route = selectRoute(edge.policy, path, request.method, url.host, question);
  trace.route = route;
  trace.context.route = route.path;
  const problems = edge.lacks.get(route);
  if (problems !== undefined) throw new Refusal("misconfigured", { problems });

  const evidence = await readEvidence(request, route, edge, ambient);
  const delivery = await receiveFromSender(
    { request, question, target, route, evidence, bodies, policyDigest: edge.policy.digest, bind: bindDelivery },
    trace,
  );
  if (delivery instanceof Response) return delivery;
  noteNotForwarded(trace, delivery);

  if (mayWait(request, route)) {
    trace.isQueued = true;
    return enqueue(delivery, evidence.receivedAt, edge);
  }
  const assertion = await issueAssertion(delivery, edge.keys, {
    issuer: edge.issuer,
    audience: edge.audience,
    jti: ambient.newAssertionId(),
    now: ambient.clock(),
  });
  return forward(delivery, assertion, edge);
}

/**
 * Logs the names of the headers that cannot be signed. The handler does not get these headers, and the sender does not know that.
 */
function noteNotForwarded({ context }: Trace, { headers }: Delivery): void {
  const names = headers.flatMap(([name, value]) => (isPlainText(value) ? [] : [name]));
  if (names.length > 0) context.notForwarded = names;
}

/**
 * Returns true if the event may be queued. GET and HEAD are not queued: senders use them to verify who owns the endpoint, so they
 * need the origin's response.
 */
function mayWait({ method }: Request, { isQueued }: Route): boolean {
  return isQueued && method !== "GET" && method !== "HEAD";
}

async function readEvidence(request: Request, route: Route, edge: Edge, ambient: Ambient): Promise<Evidence> {
  const { cf } = request as { readonly cf?: Readonly<Record<string, unknown>> };
  const certificate = readCertificateFor(route, () => readTlsClientAuth(cf?.["tlsClientAuth"]));
  const now = ambient.clock();
  // If there is no certificate, nothing can be revoked, so the request does not wait for the lists.
  const isRevocable = edge.crls !== undefined && !(certificate instanceof Refusal);
  const lists = isRevocable ? await edge.crls.lists({ ...ambient, now }) : NO_LISTS;
  return {
    certificate,
    headers: request.headers,
    facts: { deny: edge.policy.deny, lists, now },
    secrets: edge.secrets,
    receivedAt: now,
  };
}

function requireConfiguredHost({ protocol, host }: URL, edge: Edge): void {
  if (protocol !== "https:") throw new Refusal("plain_http", { host });
  if (!edge.hosts.has(host)) throw new Refusal("unknown_host", { host });
}

function publishJwks(request: Request, edge: Edge): Response {
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new Refusal("method_not_allowed", { method: request.method, allow: "GET, HEAD" });
  }
  return publishKeys(edge.keys);
}
