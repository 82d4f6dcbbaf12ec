// Writes log lines in addition to the line of the verdict. They report what an observed route received. They also report each
// request on which the senders in `shadow` would decide differently. The policy only tries out these senders. This code runs after
// the verdict and cannot change it.

import { admitByCredentials, admitBySignature, findCandidates } from "../admission/admit.ts";
import type { Trace } from "../admission/trace.ts";
import type { LogLine } from "../log-line.ts";
import { type Problem, Refusal } from "../refusal.ts";
import { Observer } from "./observation.ts";

/**
 * Makes the function that writes the additional log lines for one request. Call `reportOnly` only once per process or isolate. The
 * returned function gives undefined if the route needs no such lines, and otherwise a promise. The promise never rejects: an error
 * is only logged, because the verdict has already been sent.
 */
export function reportOnly(
  log: (line: LogLine) => void,
): (trace: Trace, refusal?: Refusal) => Promise<void> | undefined {
  const observer = new Observer();
  const tell = async (trace: Trace, refusal?: Refusal) => {
    try {
      const observed = observer.observe(trace, refusal);
      if (observed !== undefined) log(observed);
      const difference = await compareShadow(trace, refusal);
      if (difference !== undefined) log(difference);
    } catch (error) {
      log({ decision: "failed", code: "internal_error", id: trace.context.id, cause: String(error) });
    }
  };
  return (trace, refusal) => {
    const { route } = trace;
    return route?.isObserved || (route?.shadow.length ?? 0) > 0 ? tell(trace, refusal) : undefined;
  };
}

/** Problems of the request itself. The verdict on such a request does not depend on the senders of the route. */
const REQUEST_PROBLEMS: ReadonlySet<Problem> = new Set([
  "body-too-large",
  "challenge-refused",
  "malformed-request",
  "internal-error",
]);

/**
 * Returns a log line if the shadow senders and the senders in force decide differently. Returns undefined if they agree. If the
 * body was not read, a signature, a token in the body and the values of the body cannot be checked. If the first shadow sender that
 * is still possible needs such a check, the shadow verdict is `undecided`, and the line is returned too.
 */
export async function compareShadow(trace: Trace, refusal?: Refusal): Promise<LogLine | undefined> {
  const { route, evidence, admitted, context } = trace;
  if (route === undefined || route.shadow.length === 0 || evidence === undefined) return undefined;
  if (admitted === undefined && (refusal === undefined || REQUEST_PROBLEMS.has(refusal.problem))) return undefined;
  const shadow = await judgeShadow(trace);
  const isSame = (admitted !== undefined) === (shadow["verdict"] === "accepted");
  if (isSame && shadow["verdict"] !== "undecided") return undefined;
  const inForce = admitted === undefined ? refusal?.code : "accepted";
  return { decision: "shadow", id: context.id, route: route.path, inForce, sender: context.sender, shadow };
}

async function judgeShadow({ route, evidence, body }: Trace): Promise<Readonly<Record<string, unknown>>> {
  if (route === undefined || evidence === undefined) return {};
  try {
    const candidates = admitByCredentials(findCandidates(route.shadow, evidence), evidence);
    const [first] = candidates;
    const { signature, token, body: values } = first?.sender ?? {};
    if (body === undefined && (signature ?? token?.pointer ?? values?.[0]) !== undefined) {
      return { verdict: "undecided", sender: first?.sender.name, why: "the body was not read" };
    }
    const { sender } = await admitBySignature(candidates, body ?? new Uint8Array(), evidence);
    return { verdict: "accepted", sender: sender.name };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { verdict: error.code, ...error.details };
  }
}
