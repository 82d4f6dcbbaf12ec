// The work on events in one SQLite file. Every change is of the row that a lease's token names, so that an outdated holder changes nothing.

import type { DatabaseSync } from "node:sqlite";
import type { Lease, WorkQueue } from "../inbox.ts";
import { type Ordered, SqliteClaim } from "./sqlite-claim.ts";
import { promising } from "./sqlite-reader.ts";
import type { SqliteWriter } from "./sqlite-writer.ts";
import { CLOCK_STEP_MILLISECONDS, CLOCK_TOLERANCE_MILLISECONDS } from "./work-rules.ts";

/** In milliseconds: Unix time, and one that nobody sets. */
export interface Clocks {
  readonly clock: () => number;
  readonly monotonic: () => number;
}

export class SqliteWork implements WorkQueue {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #claim: SqliteClaim;
  readonly #writer: SqliteWriter;
  readonly #clock: () => number;
  readonly #monotonic: () => number;
  /** At the last claim. */
  #latest: { readonly now: number; readonly monotonic: number } | undefined;

  constructor(database: DatabaseSync, writer: SqliteWriter, { clock, monotonic }: Clocks) {
    this.#statements = prepare(database);
    this.#claim = new SqliteClaim(database);
    this.#writer = writer;
    this.#clock = clock;
    this.#monotonic = monotonic;
  }

  async claim(limit: number, leaseMilliseconds: number, maxBytes = Number.POSITIVE_INFINITY): Promise<Lease[]> {
    const { latest, leases } = await this.#writer.write(() => {
      // Only here: until the file is ours the clock may be set, and another process may have put right what is leased by the old one.
      const latest = { now: this.#clock(), monotonic: this.#monotonic() };
      this.#followClock(latest);
      return { latest, leases: this.#claim.claim(latest.now, { limit, maxBytes }, leaseMilliseconds) };
    });
    // Only now: what a claim put right that failed was rolled back.
    this.#latest = latest;
    return leases;
  }

  /** Within the transaction that stored the event. Undefined when an earlier one of its order key comes first. */
  leaseStored(sequence: number, leaseMilliseconds: number): Lease | undefined {
    return this.#claim.leaseStored(sequence, this.#clock(), leaseMilliseconds);
  }

  extend({ event, token }: Lease, leaseMilliseconds: number): Promise<boolean> {
    return this.#change(
      (now) => Number(this.#statements.extend.run(now + leaseMilliseconds, now, event.sequence, token).changes) > 0,
    );
  }

  complete(lease: Lease): Promise<boolean> {
    return this.#finish(lease, "done", null);
  }

  bury(lease: Lease, reason: string): Promise<boolean> {
    return this.#finish(lease, "dead", reason);
  }

  retry({ event, token }: Lease, waitMilliseconds: number, reason: string): Promise<boolean> {
    return this.#end((now) =>
      this.#statements.retry.get(Math.floor(now + waitMilliseconds), now, reason, event.sequence, token),
    );
  }

  async release(leases: readonly Lease[]): Promise<void> {
    const release = ({ event, token }: Lease) =>
      this.#end((now) => this.#statements.release.get(now, now, event.sequence, token));
    await Promise.all(leases.map(release));
  }

  readonly nextDueIn = promising((): number | undefined => {
    const dueAt = this.#statements.nextDue.get()?.["due_at"] as number | null | undefined;
    return dueAt === null || dueAt === undefined ? undefined : dueAt - this.#clock();
  });

  retryNow(id: string): Promise<boolean> {
    return this.#change((now) => Number(this.#statements.retryNow.run(now, now, now, id).changes) > 0);
  }

  drop(id: string, reason: string): Promise<boolean> {
    return this.#end((now) => this.#statements.drop.get(now, reason, id));
  }

  #finish({ event, token }: Lease, state: "done" | "dead", reason: string | null): Promise<boolean> {
    return this.#end((now) => this.#statements.finish.get(state, now, reason, event.sequence, token));
  }

  /** A change after which another one of the order key may be next. False when no row was changed. */
  #end(run: (now: number) => unknown): Promise<boolean> {
    return this.#change((now) => {
      const row = run(now) as Ordered | undefined;
      if (row !== undefined) this.#claim.wakeNext(row, now);
      return row !== undefined;
    });
  }

  #change(run: (now: number) => boolean): Promise<boolean> {
    return this.#writer.write(() => run(this.#clock()));
  }

  /**
   * After the clock went back, what was put off until a time of the old one would wait for it: asked at first, and after a step.
   * After it went forth, leases would seem to have run out.
   */
  #followClock({ now, monotonic }: { readonly now: number; readonly monotonic: number }): void {
    const latest = this.#latest;
    if (latest === undefined || now < latest.now - CLOCK_TOLERANCE_MILLISECONDS) {
      this.#statements.setBack.run(now, now, now + CLOCK_TOLERANCE_MILLISECONDS);
    }
    if (latest === undefined) return;
    const step = now - latest.now - (monotonic - latest.monotonic);
    // Another process may have been first: then they were changed after the step.
    if (step <= CLOCK_STEP_MILLISECONDS) return;
    // Both clocks are not read at one moment. What was changed since, within this, is leased for longer, which delays and doubles nothing.
    const before = Math.floor(now - step + CLOCK_STEP_MILLISECONDS / 2);
    this.#statements.setForth.run(Math.round(step), now, before);
  }
}

const OWN = "WHERE sequence = ? AND token = ? RETURNING sequence, sender, order_key";

function prepare(database: DatabaseSync) {
  return {
    extend: database.prepare("UPDATE work SET due_at = ?, changed_at = ? WHERE sequence = ? AND token = ?"),
    retry: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, reason = ?, token = NULL ${OWN}`,
    ),
    release: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, attempts = attempts - 1, token = NULL ${OWN}`,
    ),
    finish: database.prepare(
      `UPDATE work SET state = ?, due_at = NULL, changed_at = ?, reason = ?, token = NULL ${OWN}`,
    ),
    nextDue: database.prepare("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL"),
    // Before whatever is due.
    retryNow: database.prepare(`
      UPDATE work SET state = 'waiting', changed_at = ?, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
        token = NULL, due_at = min(?, coalesce((SELECT min(due_at) - 1 FROM work WHERE due_at IS NOT NULL), ?))
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?)
    `),
    drop: database.prepare(`
      UPDATE work SET state = 'done', due_at = NULL, changed_at = ?, reason = ?, token = NULL
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?)
      RETURNING sequence, sender, order_key
    `),
    setBack: database.prepare(`
      UPDATE work SET due_at = due_at - changed_at + ?, changed_at = ? WHERE due_at IS NOT NULL AND changed_at > ?
    `),
    setForth: database.prepare(`
      UPDATE work SET due_at = due_at + ?, changed_at = ? WHERE state = 'leased' AND changed_at <= ?
    `),
  };
}
