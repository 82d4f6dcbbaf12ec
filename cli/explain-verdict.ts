// An answer of the middleware as an outcome: yes, no, or undecided where the no rests on a secret or a body that is not here.

import { PROBLEMS, type Problem, REFUSALS, type RefusalCode } from "../core/refusal.ts";
import type { Answer } from "./explain-ask.ts";
import type { SenderFacts, Verdict } from "./explain-senders.ts";

export interface Outcome {
  readonly verdict: Verdict;
  readonly code: RefusalCode | null;
  /** Who was admitted. */
  readonly sender: string | null;
  readonly why: string | null;
}

/** Judged with a secret, a header or the body, which may be missing here. Every other problem stands without them. */
const MAY_BE_UNCHECKED: ReadonlySet<Problem> = new Set(["signature-not-verified", "credentials-required"]);

/** `senders` are those of the route, in its order: the first one that passes is admitted. */
export function settle(answer: Answer, senders: readonly SenderFacts[]): Outcome {
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
  return MAY_BE_UNCHECKED.has(REFUSALS[code][0]) || code === "platform_not_verified";
}

/** What the sender is told, and with which status. */
export function statusOf(code: RefusalCode): number {
  return PROBLEMS[REFUSALS[code][0]].status;
}
