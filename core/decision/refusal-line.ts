// The line that tells the operator of a refusal.

import type { DecisionContext } from "../admission/trace.ts";
import type { LogLine } from "../log-line.ts";
import { REFUSALS, type Refusal } from "../refusal.ts";
import { boundDetails } from "../shown-text.ts";

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
