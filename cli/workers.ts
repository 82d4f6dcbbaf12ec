// Several processes on one port: a primary that starts them, passes signals on and replaces one that dies.

import cluster, { type Worker } from "node:cluster";
import { parseWhole } from "./option-values.ts";

const RESTART_DELAY_MILLISECONDS = 1_000;

/** The number of processes. @throws UsageError */
export function parseWorkers(text = "1"): number {
  return parseWhole("--workers", text, 1, 64);
}

/**
 * In the primary: starts `count` workers, reports the address once all listen, and ends when all have ended; `onMessage`
 * gets whatever else they send. In a worker: runs `serve`. The workers run the same command line.
 */
export function runWorkers(
  count: number,
  onReady: (url: string) => void,
  serve: () => Promise<number>,
  onMessage: (message: object) => void = () => {},
): Promise<number> {
  return cluster.isPrimary ? runPrimary(count, onReady, onMessage) : runWorker(serve);
}

async function runWorker(serve: () => Promise<number>): Promise<number> {
  // A terminal or systemd signals the whole group, and the primary passes the signal on: the second one must not kill.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});
  try {
    return await serve();
  } finally {
    // The channel to the primary would keep the process alive.
    cluster.worker?.disconnect();
  }
}

/** Says that this process listens: to the primary, or by `onReady` when there is none. */
export function announceReady(url: string, onReady: (url: string) => void): void {
  if (process.send === undefined || cluster.isPrimary) onReady(url);
  else process.send({ ready: url });
}

function runPrimary(
  count: number,
  onReady: (url: string) => void,
  onMessage: (message: object) => void,
): Promise<number> {
  return new Promise((resolve) => {
    const primary = new Primary(count, onReady, onMessage, resolve);
    process.on("SIGHUP", () => primary.pass("SIGHUP"));
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => primary.stop(signal));
    for (let started = 0; started < count; started += 1) primary.start();
  });
}

class Primary {
  readonly #workers = new Set<Worker>();
  readonly #ready = new Set<Worker>();
  readonly #count: number;
  readonly #onReady: (url: string) => void;
  readonly #onMessage: (message: object) => void;
  readonly #onEnd: (code: number) => void;
  #isAnnounced = false;
  #isStopping = false;
  #exitCode = 0;

  constructor(
    count: number,
    onReady: (url: string) => void,
    onMessage: (message: object) => void,
    onEnd: (code: number) => void,
  ) {
    this.#count = count;
    this.#onReady = onReady;
    this.#onMessage = onMessage;
    this.#onEnd = onEnd;
  }

  start(): void {
    if (this.#isStopping) return;
    const worker = cluster.fork();
    this.#workers.add(worker);
    worker.on("message", (message: { ready?: string }) => {
      const { ready } = message;
      if (ready === undefined) return this.#onMessage(message);
      this.#ready.add(worker);
      if (this.#isAnnounced || this.#ready.size < this.#count) return;
      this.#isAnnounced = true;
      this.#onReady(ready);
    });
    worker.on("exit", (code) => this.#replace(worker, code ?? 1));
  }

  pass(signal: NodeJS.Signals): void {
    for (const { process: child } of this.#workers) child.kill(signal);
  }

  stop(signal: NodeJS.Signals): void {
    this.#isStopping = true;
    this.pass(signal);
  }

  #replace(worker: Worker, code: number): void {
    this.#workers.delete(worker);
    const wasReady = this.#ready.delete(worker);
    // At the start, one that cannot listen will not listen the next time either. Later the inbox may be away for a while.
    if (!wasReady && !this.#isAnnounced && !this.#isStopping) {
      this.#exitCode = code;
      this.stop("SIGTERM");
    }
    if (!this.#isStopping) setTimeout(() => this.start(), RESTART_DELAY_MILLISECONDS);
    else if (this.#workers.size === 0) this.#onEnd(this.#exitCode);
  }
}
