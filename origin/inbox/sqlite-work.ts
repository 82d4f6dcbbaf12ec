// The work on events in one SQLite file. Every change applies only to the row that the lease's token names, so that the holder of
// an old lease changes nothing.

import type { DatabaseSync } from "node:sqlite";
import type { Lease, WorkQueue } from "../inbox.ts";
import { type Ordered, SqliteClaim } from "./sqlite-claim.ts";
import { promising } from "./sqlite-reader.ts";
import type { SqliteWriter } from "./sqlite-writer.ts";
import { CLOCK_STEP_MILLISECONDS, CLOCK_TOLERANCE_MILLISECONDS } from "./work-rules.ts";

/** In milliseconds: Unix time, and a monotonic clock, which nobody can set. */
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
  /** Both clocks at the last claim. */
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
      // Read inside the transaction: while it waited for the file, somebody may have set the clock, and another process may have
      // corrected the leases.
      const latest = { now: this.#clock(), monotonic: this.#monotonic() };
      this.#followClock(latest);
      return { latest, leases: this.#claim.claim(latest.now, { limit, maxBytes }, leaseMilliseconds) };
    });
    // Set after the commit: if a claim fails, its corrections are rolled back.
    this.#latest = latest;
    return leases;
  }

  /** Called within the transaction that stored the event. Undefined if an earlier event of its order key comes first. */
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

  /** Makes a change after which another event of the order key may be next. False if no row was changed. */
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
   * Corrects due times after the clock was set. After it went back, an event that was postponed by the old time would wait too
   * long; this is corrected at the first claim, and after each step. After it went forward, leases would seem to have expired.
   */
  #followClock({ now, monotonic }: { readonly now: number; readonly monotonic: number }): void {
    const latest = this.#latest;
    if (latest === undefined || now < latest.now - CLOCK_TOLERANCE_MILLISECONDS) {
      this.#statements.setBack.run(now, now, now + CLOCK_TOLERANCE_MILLISECONDS);
    }
    if (latest === undefined) return;
    const step = now - latest.now - (monotonic - latest.monotonic);
    // If another process was first, it has corrected these rows, and their changed_at is later than the step.
    if (step <= CLOCK_STEP_MILLISECONDS) return;
    // The two clocks are not read at exactly the same time. Leases that were changed within this tolerance become longer, which
    // delays an event but never runs it twice.
    const before = Math.floor(now - step + CLOCK_STEP_MILLISECONDS / 2);
    this.#statements.setForward.run(Math.round(step), now, before);
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
    // Due before everything else.
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
    setForward: database.prepare(`
      UPDATE work SET due_at = due_at + ?, changed_at = ? WHERE state = 'leased' AND changed_at <= ?
    `),
  };
}
