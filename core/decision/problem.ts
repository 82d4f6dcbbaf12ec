// How a verdict is told to the sender: a coarse problem, which says nothing of the policy (RFC 9457).

import { PROBLEMS, type Problem, type Refusal } from "../refusal.ts";
import { RETRY_AFTER_SECONDS } from "../wire.ts";

/** Prefix of every problem type: how an edge tells its origin's refusal from an answer of the user's code. */
export const PROBLEM_TYPE_PREFIX = "urn:countersign:problem:";

/** RFC 7617 §2.1. Other refusals with 401 name a scheme of ours, for which no client asks its user. */
const BASIC_CHALLENGE = 'Basic realm="webhooks", charset="UTF-8"';

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
