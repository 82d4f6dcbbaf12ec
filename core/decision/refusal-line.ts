// The log line that reports a refusal to the operator.

import type { DecisionContext } from "../admission/trace.ts";
import type { LogLine } from "../log-line.ts";
import type { RetryStatus } from "../policy/policy.ts";
import type { Refusal } from "../refusal.ts";
import { boundDetails } from "../shown-text.ts";

/**
 * Returns the log line of a refusal, for the operator.
 * @param retryStatus the status that the sender got, if it is asked to send the event again (keep.ts)
 */
export function describeRefusal(refusal: Refusal, context: DecisionContext, retryStatus?: RetryStatus): LogLine {
  const { code, problem, status } = refusal;
  const details = boundDetails(refusal.details);
  const verdict: LogLine = {
    decision: status >= 500 ? "failed" : "refused",
    ...context,
    code,
    problem,
    status: retryStatus ?? status,
    ...(retryStatus !== undefined && { keeps: true }),
    why: refusal.message,
  };
  // The verdict is inserted first, so that the line begins with its members. It is inserted again at the end, so that no detail
  // replaces its members.
  return { ...verdict, ...details, ...verdict };
}
