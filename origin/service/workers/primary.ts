// The primary of several processes on one port. It starts the workers, forwards signals, and replaces a worker that dies.

import cluster, { type Worker } from "node:cluster";
import type { LogLine } from "../../../core/log-line.ts";
import { onFirstSignal } from "../signals.ts";
import { reporterEnvironment } from "./worker.ts";

const RESTART_DELAY_MILLISECONDS = 1_000;

/** The functions that the primary calls, and the settings of its workers. */
export interface PrimaryOptions {
  /** Called once, when all workers listen at `url`. */
  readonly onReady: (url: string) => void;
  /** Called with each message of a worker, except its ready message and its signs of life. */
  readonly onMessage: (message: object) => void;
  /** Called when a worker ended unexpectedly. The worker is replaced. */
  readonly onDeath: (death: LogLine) => void;
  /** Called before the workers get the signal to end. */
  readonly onStop: () => void;
  /** The umask of the workers, if it differs from the umask of the primary. */
  readonly mask?: number | undefined;
  /** The longest time for which a worker may be silent before it is killed. If undefined, there is no limit. */
  readonly silentMilliseconds?: number | undefined;
}

/** Starts `count` workers, and resolves when all of them have ended. The workers run the same command line as the primary. */
export function runPrimary(count: number, options: PrimaryOptions): Promise<number> {
  return new Promise((resolve) => {
    const primary = new Primary(count, options, resolve);
    process.on("SIGHUP", () => primary.pass("SIGHUP"));
    onFirstSignal((signal) => primary.stop(signal));
    for (let started = 0; started < count; started += 1) primary.start();
  });
}

class Primary {
  /** The value of `performance.now()` at the last message from each worker. */
  readonly #workers = new Map<Worker, number>();
  readonly #ready = new Set<Worker>();
  readonly #silent = new Set<Worker>();
  readonly #count: number;
  readonly #options: PrimaryOptions;
  readonly #onEnd: (code: number) => void;
  /**
   * The only worker that logs the lines that would be the same in all workers. If this worker dies, the next worker that is started
   * takes its place.
   */
  #reporter: Worker | undefined;
  #isAnnounced = false;
  #isStopping = false;
  #exitCode = 0;

  constructor(count: number, options: PrimaryOptions, onEnd: (code: number) => void) {
    this.#count = count;
    this.#options = options;
    this.#onEnd = onEnd;
    const { silentMilliseconds } = options;
    if (silentMilliseconds !== undefined)
      setInterval(() => this.#killSilent(silentMilliseconds), silentMilliseconds / 4).unref();
  }

  start(): void {
    if (this.#isStopping) return;
    const { mask, onReady, onMessage } = this.#options;
    const own = mask === undefined ? undefined : process.umask(mask);
    const worker = cluster.fork(reporterEnvironment(this.#reporter === undefined));
    this.#reporter ??= worker;
    if (own !== undefined) process.umask(own);
    this.#workers.set(worker, performance.now());
    worker.on("message", (message: { ready?: string; alive?: true }) => {
      this.#workers.set(worker, performance.now());
      const { ready, alive } = message;
      if (alive) return;
      if (ready === undefined) return onMessage(message);
      this.#ready.add(worker);
      if (this.#isAnnounced || this.#ready.size < this.#count) return;
      this.#isAnnounced = true;
      onReady(ready);
    });
    worker.on("exit", (code, signal) => this.#replace(worker, code, signal));
  }

  pass(signal: NodeJS.Signals): void {
    for (const { process: child } of this.#workers.keys()) child.kill(signal);
  }

  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    this.#options.onStop();
    this.pass(signal);
  }

  #killSilent(milliseconds: number): void {
    for (const [worker, heard] of this.#workers) {
      // A worker that is still starting is not killed, because a start may take longer.
      if (!this.#ready.has(worker) || performance.now() - heard < milliseconds) continue;
      this.#silent.add(worker);
      worker.process.kill("SIGKILL");
    }
  }

  #replace(worker: Worker, code: number | null, signal: string | null): void {
    this.#workers.delete(worker);
    if (this.#reporter === worker) this.#reporter = undefined;
    const wasReady = this.#ready.delete(worker);
    // If a worker cannot listen at the first start, a new worker could not listen either, so all workers are stopped. After the
    // first start, a worker is replaced, because its fault may be temporary, for example if the database cannot be reached for a
    // while.
    if (!wasReady && !this.#isAnnounced && !this.#isStopping) {
      this.#exitCode = code ?? 1;
      this.stop("SIGTERM");
    }
    if (!this.#isStopping) {
      this.#options.onDeath(describeDeath(worker, code, signal, this.#silent.delete(worker)));
      setTimeout(() => this.start(), RESTART_DELAY_MILLISECONDS);
    } else if (this.#workers.size === 0) this.#onEnd(this.#exitCode);
  }
}

function describeDeath(
  { process: child }: Worker,
  code: number | null,
  signal: string | null,
  wasSilent: boolean,
): LogLine {
  const cause =
    signal === null ? `it ended with ${code}` : wasSilent ? "it hung, and was killed" : `it was ended by ${signal}`;
  return {
    decision: "failed",
    code: "worker_died",
    pid: child.pid,
    cause,
    why: "a process that serves events is gone; another one takes its place, and attempts of handlers that it had begun run again",
  };
}
