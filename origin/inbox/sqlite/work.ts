// The work on events in one SQLite file. The holder of a lease can change only a row that still has the token of the lease. So the
// holder of an old lease changes nothing.

import type { DatabaseSync } from "node:sqlite";
import type { AttemptRow } from "../attempt-rows.ts";
import type { Lease, WorkQueue } from "../inbox.ts";
import { CLOCK_STEP_MILLISECONDS, CLOCK_TOLERANCE_MILLISECONDS } from "../lease-rules.ts";
import { SqliteAttempts } from "./attempts.ts";
import { type Ordered, SqliteClaim } from "./claim.ts";
import { promising } from "./reader.ts";
import type { SqliteWriter } from "./writer.ts";

/** Two clocks in milliseconds: Unix time, and a monotonic clock, which nobody can set. */
export interface Clocks {
  readonly clock: () => number;
  readonly monotonic: () => number;
}

/** A row of the table `work` that was changed. */
interface Changed extends Ordered {
  readonly recorded: number;
}

export class SqliteWork implements WorkQueue {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #claim: SqliteClaim;
  readonly #attempts: SqliteAttempts;
  readonly #writer: SqliteWriter;
  readonly #clock: () => number;
  readonly #monotonic: () => number;
  /** The values of `clock` and `monotonic` at the last claim. */
  #latest: { readonly now: number; readonly monotonic: number } | undefined;

  constructor(database: DatabaseSync, writer: SqliteWriter, { clock, monotonic }: Clocks) {
    this.#statements = prepare(database);
    this.#claim = new SqliteClaim(database);
    this.#attempts = new SqliteAttempts(database);
    this.#writer = writer;
    this.#clock = clock;
    this.#monotonic = monotonic;
  }

  async claim(limit: number, leaseMilliseconds: number, maxBytes = Number.POSITIVE_INFINITY): Promise<Lease[]> {
    const { latest, leases } = await this.#writer.write(() => {
      // The clocks are read inside the transaction. While the transaction waited for the file, somebody may have set the clock, and
      // another process may have corrected the leases.
      const latest = { now: this.#clock(), monotonic: this.#monotonic() };
      this.#followClock(latest);
      return { latest, leases: this.#claim.claim(latest.now, { limit, maxBytes }, leaseMilliseconds) };
    });
    // These values are kept only after the commit. If the claim fails, its corrections are rolled back, so the next claim must make
    // them again.
    this.#latest = latest;
    return leases;
  }

  /**
   * Leases an event within the transaction that stored it. Returns undefined if the event must wait for another event of its order
   * key.
   */
  leaseStored(sequence: number, leaseMilliseconds: number): Lease | undefined {
    return this.#claim.leaseStored(sequence, this.#clock(), leaseMilliseconds);
  }

  extend({ event, token }: Lease, leaseMilliseconds: number): Promise<boolean> {
    return this.#change(
      (now) => Number(this.#statements.extend.run(now + leaseMilliseconds, now, event.sequence, token).changes) > 0,
    );
  }

  /** Makes the event done. The record of the attempt stays in the row of the table `work`. */
  complete({ event, token }: Lease, status?: number): Promise<boolean> {
    return this.#end((now) => this.#statements.complete.all(now, status ?? null, event.sequence, token));
  }

  bury(lease: Lease, reason: string, status?: number): Promise<boolean> {
    const { event, token } = lease;
    return this.#end(
      (now) => this.#statements.bury.all(now, reason, event.sequence, token),
      (endedAt) => ({ outcome: "dead", ...factsOf(lease), endedAt, reason, status }),
    );
  }

  retry(lease: Lease, waitMilliseconds: number, reason: string, status?: number): Promise<boolean> {
    const { event, token } = lease;
    const dueAt = (now: number) => Math.floor(now + waitMilliseconds);
    return this.#end(
      (now) => this.#statements.retry.all(dueAt(now), now, reason, event.sequence, token),
      (endedAt) => ({ outcome: "retry", ...factsOf(lease), endedAt, reason, status, dueAt: dueAt(endedAt) }),
    );
  }

  async release(leases: readonly Lease[], { wasBegun } = { wasBegun: false }): Promise<void> {
    const release = (lease: Lease) => {
      const { event, token } = lease;
      return this.#end(
        (now) => this.#statements.release.all(now, now, Number(wasBegun), event.sequence, token),
        wasBegun ? (endedAt) => ({ outcome: "released", ...factsOf(lease), endedAt }) : undefined,
      );
    };
    await Promise.all(leases.map(release));
  }

  readonly nextDueIn = promising((): number | undefined => {
    const dueAt = this.#statements.nextDue.get()?.["due_at"] as number | null | undefined;
    return dueAt === null || dueAt === undefined ? undefined : dueAt - this.#clock();
  });

  retryNow(id: string): Promise<boolean> {
    return this.#change((now) => {
      const rows = this.#statements.retryNow.all(now, now, now, id) as unknown as Changed[];
      for (const row of rows) this.#record(row, { outcome: "operator retry", endedAt: now });
      return rows.length > 0;
    });
  }

  drop(id: string, reason: string): Promise<boolean> {
    return this.#end(
      (now) => this.#statements.drop.all(now, reason, id),
      (endedAt) => ({ outcome: "operator drop", endedAt, reason }),
    );
  }

  /**
   * Runs a change that ends events or attempts. `run` returns every changed row. For each row, records what `describe` returns, and
   * wakes the next event of the order key. Returns false if no row was changed.
   */
  #end(run: (now: number) => readonly unknown[], describe?: (now: number) => AttemptRow): Promise<boolean> {
    return this.#change((now) => {
      const rows = run(now) as Changed[];
      for (const row of rows) {
        if (describe !== undefined) this.#record(row, describe(now));
        this.#claim.wakeNext(row, now);
      }
      return rows.length > 0;
    });
  }

  #record({ sequence, recorded }: Changed, row: AttemptRow): void {
    this.#attempts.record(sequence, recorded, row);
  }

  #change(run: (now: number) => boolean): Promise<boolean> {
    return this.#writer.write(() => run(this.#clock()));
  }

  /**
   * Corrects due times after somebody set the clock. If the clock was set back, due times that were computed earlier are too late,
   * so their events would wait too long. Such due times are corrected at the first claim, and whenever the clock was set back. If
   * the clock was set forward, leases would seem to have expired, so they are extended.
   */
  #followClock({ now, monotonic }: { readonly now: number; readonly monotonic: number }): void {
    const latest = this.#latest;
    if (latest === undefined || now < latest.now - CLOCK_TOLERANCE_MILLISECONDS) {
      this.#statements.setBack.run(now, now, now + CLOCK_TOLERANCE_MILLISECONDS);
    }
    if (latest === undefined) return;
    const step = now - latest.now - (monotonic - latest.monotonic);
    // Only rows that were last changed before the clock was set forward are corrected. A process that corrects a row also sets
    // `changed_at` of the row to the current time. So no row is corrected twice.
    if (step <= CLOCK_STEP_MILLISECONDS) return;
    // The two clocks are not read at exactly the same time, so the moment at which the clock was set forward is not known exactly.
    // Therefore leases that were changed shortly after this moment are extended too. This may delay an event, but never runs an
    // event twice.
    const before = Math.floor(now - step + CLOCK_STEP_MILLISECONDS / 2);
    this.#statements.setForward.run(Math.round(step), now, before);
  }
}

function factsOf({ attempt, beganAt }: Lease) {
  return { number: attempt, beganAt };
}

const CHANGED = "RETURNING sequence, sender, order_key, recorded";
const OWN = `WHERE sequence = ? AND token = ? ${CHANGED}`;
const RECORDED = "token = NULL, began_at = NULL, recorded = recorded + 1";

function prepare(database: DatabaseSync) {
  return {
    extend: database.prepare("UPDATE work SET due_at = ?, changed_at = ? WHERE sequence = ? AND token = ?"),
    retry: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, reason = ?, ${RECORDED} ${OWN}`,
    ),
    release: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, attempts = attempts - 1, token = NULL, began_at = NULL,
         recorded = recorded + ? ${OWN}`,
    ),
    complete: database.prepare(
      `UPDATE work SET state = 'done', due_at = NULL, changed_at = ?, reason = NULL, status = ?, token = NULL ${OWN}`,
    ),
    bury: database.prepare(
      `UPDATE work SET state = 'dead', due_at = NULL, changed_at = ?, reason = ?, ${RECORDED} ${OWN}`,
    ),
    nextDue: database.prepare("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL"),
    // Makes the event due before all other events.
    retryNow: database.prepare(`
      UPDATE work SET state = 'waiting', changed_at = ?, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
        ${RECORDED}, due_at = min(?, coalesce((SELECT min(due_at) - 1 FROM work WHERE due_at IS NOT NULL), ?))
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?) ${CHANGED}
    `),
    drop: database.prepare(`
      UPDATE work SET state = 'done', due_at = NULL, changed_at = ?, reason = ?, ${RECORDED}
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?) ${CHANGED}
    `),
    setBack: database.prepare(`
      UPDATE work SET due_at = due_at - changed_at + ?, changed_at = ? WHERE due_at IS NOT NULL AND changed_at > ?
    `),
    setForward: database.prepare(`
      UPDATE work SET due_at = due_at + ?, changed_at = ? WHERE state = 'leased' AND changed_at <= ?
    `),
  };
}
