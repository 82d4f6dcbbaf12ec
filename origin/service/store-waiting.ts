// Waits for the database at the start, because the database and the origin may be started at the same time.

import { setTimeout as wait } from "node:timers/promises";
import type { LogLine } from "../../core/log-line.ts";
import { StoreAway } from "../inbox/store-away.ts";
import { isReporter } from "./workers/worker.ts";

const TRY_MILLISECONDS = 1_000;

/**
 * Opens the store. If the store cannot be reached, warns once, and then tries again for at most `seconds`. Returns undefined if
 * `stopped` resolves first.
 * @throws the error of `open` at the end of this time. A lasting error, such as a wrong password, is thrown at once
 */
export async function openWhenThere<T>(
  open: () => Promise<T>,
  seconds: number,
  stopped: Promise<unknown>,
  warn: (line: LogLine) => void,
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
      if (!isLogged && isReporter()) warn(describeWaiting(error, seconds));
    }
    await Promise.race([wait(TRY_MILLISECONDS), stop]);
  }
  return undefined;
}

function describeWaiting({ problems: [why] }: StoreAway, seconds: number): LogLine {
  const remedy = `it is tried each second, for ${seconds} s: --wait-for-store`;
  return { decision: "warning", code: "store_awaited", why, remedy };
}
