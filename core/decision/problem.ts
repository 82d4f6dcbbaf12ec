// Answers a refused request with a problem document (RFC 9457). It names only the general kind of the refusal, so that the sender
// learns nothing about the policy.

import type { RetryStatus } from "../policy/policy.ts";
import { PROBLEMS, type Problem, type Refusal } from "../refusal.ts";
import { RETRY_AFTER_SECONDS } from "../wire.ts";

/** The prefix of every problem type. An edge uses it to distinguish a refusal of its origin from a response of the user's code. */
export const PROBLEM_TYPE_PREFIX = "urn:countersign:problem:";

/**
 * Returns the challenge of RFC 7617 §2.1 for refusals that need Basic credentials, and of RFC 6750 §3 for those that need a Bearer
 * token. Other refusals with 401 name our own scheme, so that no client asks its user for a password.
 */
function challengeOf({ code, details }: Refusal): string {
  if (code.startsWith("basic_")) return 'Basic realm="webhooks", charset="UTF-8"';
  return code.startsWith("token_") && details["header"] === "authorization" ? 'Bearer realm="webhooks"' : "Countersign";
}

/**
 * Returns an RFC 9457 answer: type, title, status, code and decision id. It contains nothing from the request.
 * @param retryStatus replaces the refusal's own status, to ask the sender to send the event again (keep.ts)
 */
export function describeProblem(refusal: Refusal, id: string, retryStatus?: RetryStatus) {
  const problem = retryStatus === undefined ? refusal.problem : "unavailable";
  const status = retryStatus ?? refusal.status;
  const { allow } = refusal.details;
  const headers: Record<string, string> = { "content-type": "application/problem+json", "cache-control": "no-store" };
  if (status === 401) headers["www-authenticate"] = challengeOf(refusal);
  if (status >= 502 || status === 429) headers["retry-after"] = String(RETRY_AFTER_SECONDS);
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

export function formatProblem(refusal: Refusal, id: string, retryStatus?: RetryStatus): Response {
  const { status, headers, body } = describeProblem(refusal, id, retryStatus);
  return new Response(body, { status, headers });
}

/** Reads the body of an answer. Returns its problem if a program of Countersign wrote the answer, and undefined otherwise. */
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
