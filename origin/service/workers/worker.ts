// A worker: one of several processes on one port. It sends messages to the primary that started it.

import cluster from "node:cluster";

/** The environment variable with which the primary chooses the worker that reports. */
const REPORTER = "COUNTERSIGN_REPORTER";

/**
 * Returns the environment of a worker. `reports` says whether this worker is the one that reports (`isReporter`). The variable is
 * always set, so that the worker does not inherit a value from the primary.
 */
export function reporterEnvironment(reports: boolean): Readonly<Record<string, string>> {
  return { [REPORTER]: reports ? "1" : "" };
}

/**
 * Returns true if this process logs the lines that would be the same in all workers. This is the worker that the primary chose, or
 * the only process.
 */
export function isReporter(): boolean {
  return cluster.worker === undefined || process.env[REPORTER] === "1";
}

/** True as soon as this process listens. */
let isServing = false;

/**
 * Returns true if this process logs what it finds in a file. At the start, this is the primary or the only process. At a reload, it
 * is the process that reports.
 */
export function reportsFiles(): boolean {
  return cluster.worker === undefined || (isServing && isReporter());
}

/**
 * Runs `serve` in a worker. `silentMilliseconds` is the time for which the worker may be silent before the primary kills the
 * worker. If undefined, there is no limit.
 */
export async function runWorker(serve: () => Promise<number>, silentMilliseconds: number | undefined): Promise<number> {
  // A terminal or systemd signals all processes of the group, and the primary forwards the signal too. So a worker gets the signal
  // twice. The second signal must not kill the worker.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  // The message is sent from the worker's event loop, so a worker whose loop is blocked is silent.
  const beat = () => process.connected && process.send?.({ alive: true });
  const beats = silentMilliseconds === undefined ? undefined : setInterval(beat, silentMilliseconds / 4);
  try {
    return await serve();
  } finally {
    clearInterval(beats);
    // An open channel to the primary would keep the process alive.
    cluster.worker?.disconnect();
  }
}

/** Reports that this process listens: to the primary or, if there is no primary, to `onReady`. */
export function announceReady(url: string, onReady: (url: string) => void): void {
  isServing = true;
  if (process.send === undefined || cluster.isPrimary) onReady(url);
  else process.send({ ready: url });
}
