// Writes that arrive while others wait share one commit, so that waiting for the disk does not put them in a line.
// Knows nothing of databases; it bounds what may wait.

import { Refusal } from "../../core/refusal.ts";

export type Settled<Result> = { readonly value: Result } | { readonly error: unknown };

/** Commits together; a settled result for each item, in order. It must not throw. */
export type CommitTogether<Item, Result> = (
  items: readonly Item[],
) => readonly Settled<Result>[] | Promise<readonly Settled<Result>[]>;

interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/** Long enough to share the disk's wait among all, short enough that the first of them is not late. */
const MAX_BATCH: Limits = { events: 256, bytes: 16 * 1024 * 1024 };
/** What waits is held in memory: beyond it senders are told to come again. One larger event may always wait alone. */
const MAX_WAITING: Limits = { events: 4096, bytes: 128 * 1024 * 1024 };

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  readonly settle: (settled: Settled<Result>) => void;
}

export class GroupCommit<Item, Result> {
  readonly #commit: CommitTogether<Item, Result>;
  readonly #parallel: number;
  #waiting: Waiting<Item, Result>[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  #running = 0;
  #onIdle: (() => void)[] = [];

  /** `parallel` commits at a time; what arrives during them shares the next one. */
  constructor(commit: CommitTogether<Item, Result>, parallel = 1) {
    this.#commit = commit;
    this.#parallel = parallel;
  }

  /** Resolves once the item is committed. @throws Refusal `store_unavailable` when too much waits; else what the commit said */
  add(item: Item, bytes = 0): Promise<Result> {
    const isFull =
      this.#waiting.length >= MAX_WAITING.events ||
      (this.#waiting.length > 0 && this.#waitingBytes + bytes > MAX_WAITING.bytes);
    if (isFull) {
      const cause = `${this.#waiting.length} writes of ${this.#waitingBytes} bytes wait already`;
      return Promise.reject(new Refusal("store_unavailable", { cause }));
    }
    return new Promise((resolve, reject) => {
      const settle = (settled: Settled<Result>) =>
        "value" in settled ? resolve(settled.value) : reject(settled.error);
      this.#waiting.push({ item, bytes, settle });
      this.#waitingBytes += bytes;
      this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing runs. */
  idle(): Promise<void> {
    if (this.#waiting.length === 0 && this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /** At the end of this turn of the event loop, so that whatever else arrives in it comes along. */
  #schedule(): void {
    if (this.#isScheduled || this.#waiting.length === 0 || this.#running >= this.#parallel) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      void this.#run(this.#takeBatch());
    });
  }

  #takeBatch(): readonly Waiting<Item, Result>[] {
    let count = 0;
    let bytes = 0;
    for (const waiting of this.#waiting) {
      if (count >= MAX_BATCH.events || (count > 0 && bytes + waiting.bytes > MAX_BATCH.bytes)) break;
      count += 1;
      bytes += waiting.bytes;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #run(batch: readonly Waiting<Item, Result>[]): Promise<void> {
    this.#running += 1;
    this.#schedule();
    const results = await this.#commit(batch.map(({ item }) => item));
    this.#running -= 1;
    for (const [index, { settle }] of batch.entries()) {
      settle(results[index] ?? { error: new Error("the commit gave no result") });
    }
    this.#schedule();
    if (this.#waiting.length === 0 && this.#running === 0) for (const resolve of this.#onIdle.splice(0)) resolve();
  }
}
