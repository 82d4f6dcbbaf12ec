// A start waits for its database, which may be started at the same time, and says so.

import { setTimeout as wait } from "node:timers/promises";
import { StoreAway } from "../origin/inbox/store-away.ts";
import { complainLogLine } from "./output.ts";
import { isReporter } from "./workers.ts";

const TRY_MILLISECONDS = 1_000;

/**
 * Opens what is not there yet again and again, for so many seconds. Undefined when `stopped` comes first.
 * @throws whatever opening throws: at once for what does not mend itself, such as a wrong password
 */
export async function openWhenThere<T>(
  open: () => Promise<T>,
  seconds: number,
  stopped: Promise<unknown>,
): Promise<T | undefined> {
  const end = performance.now() + seconds * 1000;
  let isStopped = false;
  const stop = stopped.then(() => {
    isStopped = true;
  });
  for (let isTold = false; !isStopped; isTold = true) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof StoreAway) || performance.now() + TRY_MILLISECONDS > end) throw error;
      if (!isTold) tell(error, seconds);
    }
    await Promise.race([wait(TRY_MILLISECONDS), stop]);
  }
  return undefined;
}

function tell({ problems: [why] }: StoreAway, seconds: number): void {
  if (!isReporter()) return;
  const remedy = `it is tried each second, for ${seconds} s: --wait-for-store`;
  complainLogLine({ decision: "warning", code: "store_awaited", why, remedy });
}
