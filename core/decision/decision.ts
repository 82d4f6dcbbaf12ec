// How a verdict is told: the coarse problem to the sender, the precise line to the operator.

import { describeCertificate, type ProofTrace } from "../admission/admit.ts";
import type { AdmittedSender, Evidence } from "../admission/candidate.ts";
import type { LogLine } from "../log-line.ts";
import type { Route } from "../policy/policy.ts";
import { PROBLEMS, type Problem, REFUSALS, Refusal } from "../refusal.ts";
import { boundDetails } from "../shown-text.ts";
import { RETRY_AFTER_SECONDS } from "../wire.ts";

export { boundLine, formatLogLine, type LogLine, levelOf, stampLine } from "../log-line.ts";

/** Prefix of every problem type: how an edge tells its origin's refusal from an answer of the user's code. */
export const PROBLEM_TYPE_PREFIX = "urn:countersign:problem:";

/** RFC 7617 §2.1. Other refusals with 401 name a scheme of ours, for which no client asks its user. */
const BASIC_CHALLENGE = 'Basic realm="webhooks", charset="UTF-8"';

/** What is known of one request so far; the steps fill it in, the log line prints it. */
export interface DecisionContext {
  /** The decision id, and the event's id once it is admitted. */
  readonly id: string;
  /** Of the request. */
  readonly method?: string;
  /** The address that the connection came from; at the edge the one that Cloudflare saw. */
  readonly peer?: string | undefined;
  /** From the request's head to the verdict. */
  milliseconds?: number;
  certificate?: Readonly<Record<string, unknown>>;
  [fact: string]: unknown;
}

/** What the steps of one request leave behind, for whoever tells of the verdict or compares it. */
export interface Trace extends ProofTrace {
  readonly context: DecisionContext;
  route?: Route;
  evidence?: Evidence;
  /** The sender for which a factor has passed, or that the edge's assertion names: also of a request that is refused afterwards. */
  likelySender?: string;
  body?: Uint8Array<ArrayBuffer>;
  admitted?: AdmittedSender;
  /** Whether the event went into the queue instead of to the origin. */
  isQueued?: boolean;
}

/** Notes which certificate was presented, where one was. */
export function noteCertificate(context: DecisionContext, { certificate }: Evidence): void {
  if (certificate !== undefined && !(certificate instanceof Refusal)) {
    context.certificate = describeCertificate(certificate);
  }
}

/** Notes the admitted sender: its log line tells who it is and which factors passed. */
export function noteAdmitted(trace: Trace, admitted: AdmittedSender): AdmittedSender {
  const { sender, certified, factors, reliedOnEdge } = admitted;
  trace.admitted = admitted;
  trace.context["sender"] = sender.name;
  trace.context["factors"] = factors;
  if (reliedOnEdge.length > 0) trace.context["reliedOnEdge"] = reliedOnEdge;
  // One that came along without being asked for proves nothing, and must not look as if it did.
  if (certified === undefined) delete trace.context.certificate;
  if (certified?.proof.revocation !== undefined) trace.context["revocation"] = certified.proof.revocation;
  return admitted;
}

/** An RFC 9457 answer: type, title, status, code and decision id, and nothing that the request held. */
export function describeProblem(refusal: Refusal, id: string) {
  const { problem, status } = refusal;
  const { allow } = refusal.details;
  const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (status === 401)
    headers["www-authenticate"] = problem === "credentials-required" ? BASIC_CHALLENGE : "Countersign";
  if (status >= 502) headers["retry-after"] = String(RETRY_AFTER_SECONDS);
  if (problem === "method-not-allowed" && typeof allow === "string") headers["allow"] = allow;
  const document = {
    type: PROBLEM_TYPE_PREFIX + problem,
    title: PROBLEMS[problem].title,
    status,
    code: problem,
    decision: id,
  };
  return { status, headers, body: JSON.stringify(document) };
}

export function formatProblem(refusal: Refusal, id: string): Response {
  const { status, headers, body } = describeProblem(refusal, id);
  return new Response(body, { status, headers });
}

/** The problem named by an answer of ours, or undefined for anybody else's. */
export function parseProblemType(text: string): Problem | undefined {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    const problem =
      typeof type === "string" && type.startsWith(PROBLEM_TYPE_PREFIX) ? type.slice(PROBLEM_TYPE_PREFIX.length) : "";
    return Object.hasOwn(PROBLEMS, problem) ? (problem as Problem) : undefined;
  } catch {
    return undefined;
  }
}

/** The operator's line for a refusal. */
export function describeRefusal(refusal: Refusal, context: DecisionContext): LogLine {
  const { code, problem, status } = refusal;
  const details = boundDetails(refusal.details);
  const verdict: LogLine = {
    decision: status >= 500 ? "failed" : "refused",
    ...context,
    code,
    problem,
    status,
    why: REFUSALS[code][1],
  };
  // Twice: first for the order in which it is read, last so that no detail takes its place.
  return { ...verdict, ...details, ...verdict };
}
