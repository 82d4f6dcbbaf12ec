// What the shadow senders of a route would have decided. It runs after the verdict and cannot change it.

import { admitByBasic, admitBySignature, findCandidates } from "./admit.ts";
import type { LogLine, Trace } from "./decision.ts";
import { type Problem, Refusal } from "./refusal.ts";

/** Refusals that are about the request, not about who sent it: another list of senders would meet them too. */
const OF_THE_REQUEST: ReadonlySet<Problem> = new Set(["body-too-large", "malformed-request", "internal-error"]);

/**
 * The line for a request on which the shadow senders differ from those in force; undefined when they agree.
 * A signature is compared only where the body was read: without it the verdict is `undecided`, which is told as well.
 */
export async function compareShadow(trace: Trace, refusal?: Refusal): Promise<LogLine | undefined> {
  const { route, evidence, admitted, context } = trace;
  if (route === undefined || route.shadow.length === 0 || evidence === undefined) return undefined;
  if (admitted === undefined && (refusal === undefined || OF_THE_REQUEST.has(refusal.problem))) return undefined;
  const shadow = await judgeShadow(trace);
  const isSame = (admitted !== undefined) === (shadow["verdict"] === "accepted");
  if (isSame && shadow["verdict"] !== "undecided") return undefined;
  const inForce = admitted === undefined ? refusal?.code : "accepted";
  return { decision: "shadow", id: context.id, route: route.path, inForce, sender: context["sender"], shadow };
}

async function judgeShadow({ route, evidence, body }: Trace): Promise<Readonly<Record<string, unknown>>> {
  if (route === undefined || evidence === undefined) return {};
  try {
    const candidates = admitByBasic(findCandidates(route.shadow, evidence), evidence);
    const [first] = candidates;
    if (body === undefined && first?.sender.signature !== undefined) {
      return { verdict: "undecided", sender: first.sender.name, why: "the body was not read for the signature" };
    }
    const { sender } = await admitBySignature(candidates, body ?? new Uint8Array(), evidence);
    return { verdict: "accepted", sender: sender.name };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { verdict: error.code, ...error.details };
  }
}
