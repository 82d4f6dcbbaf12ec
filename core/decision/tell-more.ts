// Log lines in addition to that of the verdict: what an observed route saw, and where shadow senders differ.

import type { Refusal } from "../refusal.ts";
import type { LogLine, Trace } from "./decision.ts";
import { Observer } from "./observation.ts";
import { compareShadow } from "./shadow.ts";

/**
 * Call it once per process or isolate. The function that it returns gives undefined if the route needs no further lines. Its
 * promise never rejects, because the verdict has already been sent.
 */
export function tellMore(log: (line: LogLine) => void): (trace: Trace, refusal?: Refusal) => Promise<void> | undefined {
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
