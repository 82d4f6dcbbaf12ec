// Turns the answer of the middleware into a verdict. The verdict is undecided if the refusal depends on a secret, a header or a
// body that is not available here.

import { type Problem, REFUSALS, type RefusalCode } from "../../core/refusal.ts";
import type { SenderExplanation, Verdict } from "../../origin/explain/senders.ts";
import type { Answer } from "./ask.ts";

export interface Outcome {
  readonly verdict: Verdict;
  readonly code: RefusalCode | null;
  /** The admitted sender. */
  readonly sender: string | null;
  readonly why: string | null;
}

/**
 * A refusal with one of these problems is uncertain: the only reason may be that a secret, a header or the body is not available
 * here. mayBeUnchecked() knows the other uncertain refusals.
 */
const MAY_BE_UNCHECKED: ReadonlySet<Problem> = new Set(["signature-not-verified", "credentials-required"]);

/**
 * Turns an answer into an outcome. `senders` are the senders of the route, in the route's order. The first sender that passes is
 * admitted.
 */
export function settle(answer: Answer, senders: readonly SenderExplanation[]): Outcome {
  const name = answer.verdict === "accepted" ? answer.delivery.sender : null;
  const index = senders.findIndex(({ sender }) => sender === name);
  const open = (index < 0 ? senders : senders.slice(0, index)).find(({ verdict }) => verdict === "undecided");
  if (open !== undefined && (answer.verdict === "accepted" || mayBeUnchecked(answer.code))) {
    const why = index < 0 ? `${open.why}` : `it may be ${open.sender}: ${open.why}`;
    return { verdict: "undecided", code: null, sender: null, why };
  }
  if (answer.verdict === "accepted") return { verdict: "accepted", code: null, sender: name, why: null };
  return { verdict: "refused", code: answer.code, sender: null, why: REFUSALS[answer.code][1] };
}

function mayBeUnchecked(code: RefusalCode): boolean {
  // The only reason for these refusals may be that the body or its Content-Type is not available here.
  const isOfBody = code === "content_not_json" || code.startsWith("json_");
  return MAY_BE_UNCHECKED.has(REFUSALS[code][0]) || isOfBody || code === "platform_not_verified";
}
