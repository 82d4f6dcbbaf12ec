// Lets writes that arrive at the same time share one commit. Otherwise the writes would wait for the disk one after the other.
// Limits the writes that wait. Works with any database.

import { Refusal } from "../../core/refusal.ts";

type Settled<Result> = { readonly value: Result } | { readonly error: unknown };

export interface GroupCommitOptions<Item, Result> {
  /** Commits all items and returns one result for each, in order. If it throws, nothing was changed. */
  readonly commit: (items: readonly Item[]) => readonly Result[] | Promise<readonly Result[]>;
  /**
   * Returns true if an error is a fault of the database and not of one item. After such an error, the items are not tried again one
   * by one.
   */
  readonly isOfTheDatabase: (error: unknown) => boolean;
  /** The number of commits that may run at the same time. Items that arrive meanwhile share the next commit. The default is 1. */
  readonly parallel?: number;
}

interface Limits {
  readonly events: number;
  readonly bytes: number;
}

/** The limits of one batch. Many writes share one wait for the disk, but the first write does not wait long. */
const MAX_BATCH: Limits = { events: 256, bytes: 16 * 1024 * 1024 };
/**
 * The limits of waiting writes, which are in memory. Beyond these limits, senders are told to retry. An event that is larger than
 * the limit may wait if no other write waits.
 */
const MAX_WAITING: Limits = { events: 4096, bytes: 128 * 1024 * 1024 };

/**
 * The largest number of turns of the event loop in which a batch collects items. Requests that arrive together are verified one
 * after the other, and this number of turns collects nearly all of them. A single request waits for only one turn.
 */
const MAX_TURNS = 16;

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly bytes: number;
  readonly settle: (settled: Settled<Result>) => void;
}

export class GroupCommit<Item, Result> {
  readonly #options: GroupCommitOptions<Item, Result>;
  #waiting: Waiting<Item, Result>[] = [];
  #waitingBytes = 0;
  #isScheduled = false;
  #running = 0;
  #onIdle: (() => void)[] = [];

  constructor(options: GroupCommitOptions<Item, Result>) {
    this.#options = options;
  }

  /**
   * Resolves after the item is committed.
   * @throws Refusal `store_unavailable` if too much waits, otherwise the error of the commit
   */
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

  /** Resolves when nothing waits and no commit runs. */
  idle(): Promise<void> {
    if (this.#waiting.length === 0 && this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => this.#onIdle.push(resolve));
  }

  /**
   * Starts a commit as soon as one turn of the event loop brings no further item. So items that arrive together share a commit.
   */
  #schedule(): void {
    const { parallel = 1 } = this.#options;
    if (this.#isScheduled || this.#waiting.length === 0 || this.#running >= parallel) return;
    this.#isScheduled = true;
    let known = this.#waiting.length;
    let turns = 0;
    const look = () => {
      turns += 1;
      const isGrowing = this.#waiting.length > known && this.#waiting.length < MAX_BATCH.events;
      known = this.#waiting.length;
      if (isGrowing && turns < MAX_TURNS) {
        setImmediate(look);
        return;
      }
      this.#isScheduled = false;
      void this.#run(this.#takeBatch());
    };
    setImmediate(look);
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

  /** Commits the items. If one item is at fault, the items are committed again one by one, so that the other items do not fail. */
  async #commit(items: readonly Item[]): Promise<readonly Settled<Result>[]> {
    const { commit, isOfTheDatabase } = this.#options;
    try {
      return (await commit(items)).map((value) => ({ value }));
    } catch (error) {
      if (items.length === 1 || isOfTheDatabase(error)) return items.map(() => ({ error }));
      const settled: Settled<Result>[] = [];
      for (const item of items) settled.push(...(await this.#commit([item])));
      return settled;
    }
  }
}
