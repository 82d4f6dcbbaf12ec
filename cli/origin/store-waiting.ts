// Waits at the start for the database, because both may be started at the same time. Logs that it waits.

import { setTimeout as wait } from "node:timers/promises";
import { StoreAway } from "../../origin/inbox/store-away.ts";
import { complainLogLine } from "../output.ts";
import { isReporter } from "./workers.ts";

const TRY_MILLISECONDS = 1_000;

/**
 * Tries `open` again for this many seconds while the store is away. Undefined if `stopped` resolves first.
 * @throws the error of `open`. An error that does not pass, such as a wrong password, is thrown at once
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
  for (let isLogged = false; !isStopped; isLogged = true) {
    try {
      return await open();
    } catch (error) {
      if (!(error instanceof StoreAway) || performance.now() + TRY_MILLISECONDS > end) throw error;
      if (!isLogged) logWaiting(error, seconds);
    }
    await Promise.race([wait(TRY_MILLISECONDS), stop]);
  }
  return undefined;
}

function logWaiting({ problems: [why] }: StoreAway, seconds: number): void {
  if (!isReporter()) return;
  const remedy = `it is tried each second, for ${seconds} s: --wait-for-store`;
  complainLogLine({ decision: "warning", code: "store_awaited", why, remedy });
}
