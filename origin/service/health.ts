// The health of an origin: whether its processes are alive, and can accept an event now. Each process sends reports. A probe only
// reads the last report of each process, so a probe costs nothing and never waits.

import { messageOf } from "../../core/failure-chain.ts";
import type { Inbox } from "../inbox/inbox.ts";

/** The report of one process. The process is ready if there are no problems. */
export interface ProcessState {
  readonly pid: number;
  readonly problems: readonly string[];
}

/** The interval between two reports of a process. */
const REPORT_MILLISECONDS = 2_000;
/** A process counts as silent if its last report is older than this time. */
const STALE_MILLISECONDS = 10_000;
/** A process that has been silent for longer than this time will not recover by itself. */
const SILENT_MILLISECONDS = 60_000;
const STORE_MILLISECONDS = 5_000;

/** The last report of each process. Times are from `performance.now()`. */
export class Health {
  readonly #reports = new Map<number, { readonly problems: readonly string[]; readonly at: number }>();
  readonly #processes: number;
  readonly #clock: () => number;

  constructor(processes: number, clock: () => number = () => performance.now()) {
    this.#processes = processes;
    this.#clock = clock;
  }

  take({ pid, problems }: ProcessState): void {
    this.#reports.set(pid, { problems, at: this.#clock() });
  }

  /** Must be called when the process has ended. */
  forget(pid: number): void {
    this.#reports.delete(pid);
  }

  /** Returns faults that a restart would correct. A process that is starting or being replaced is not a fault. */
  faults(): string[] {
    return this.#silent(SILENT_MILLISECONDS);
  }

  /** Returns the reasons why the origin should receive no events now. */
  problems(): string[] {
    const missing = this.#processes - this.#reports.size;
    const reported = [...this.#reports.values()].flatMap(({ problems }) => problems);
    return [
      ...(missing > 0 ? [`${missing} of ${this.#processes} processes are not ready yet`] : []),
      ...this.#silent(STALE_MILLISECONDS),
      ...new Set(reported),
    ];
  }

  #silent(milliseconds: number): string[] {
    const now = this.#clock();
    return [...this.#reports].flatMap(([pid, { at }]) =>
      now - at > milliseconds ? [`process ${pid} is silent for ${Math.round((now - at) / 1000)} s`] : [],
    );
  }
}

export interface Checks {
  readonly inbox: Pick<Inbox, "retryNow">;
  /** Returns the current problems of the process, except those of the store, without waiting for anything. */
  readonly problems: () => readonly string[];
  readonly report: (state: ProcessState) => void;
}

/**
 * Reports the state of this process now and at intervals. Returns a function that sends the last report, which says that the
 * process stops.
 */
export function startReports({ inbox, problems, report }: Checks): () => void {
  let store: readonly string[] = [];
  let since: number | undefined;
  const askStore = async () => {
    since = performance.now();
    try {
      // No event has the empty id, so the call updates nothing. But the call takes the store's lock for writing, so it fails if the
      // store cannot be written.
      await inbox.retryNow("");
      store = [];
    } catch (error) {
      store = [`the store cannot be written: ${messageOf(error)}`];
    }
    since = undefined;
  };
  const look = async () => {
    if (since === undefined) {
      const asked = askStore();
      await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, REPORT_MILLISECONDS / 2).unref())]);
    }
    if (isStopped) return;
    const isSlow = since !== undefined && performance.now() - since > STORE_MILLISECONDS;
    const slow = isSlow ? ["the store does not answer"] : [];
    report({ pid: process.pid, problems: [...problems(), ...store, ...slow] });
  };
  let isStopped = false;
  void look();
  const timer = setInterval(() => void look(), REPORT_MILLISECONDS).unref();
  return () => {
    isStopped = true;
    clearInterval(timer);
    report({ pid: process.pid, problems: ["it stops"] });
  };
}
