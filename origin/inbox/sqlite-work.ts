// The work on events in one SQLite file. Every change is of the row that a lease's token names, so that an outdated holder changes nothing.

import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Lease, WorkQueue } from "../inbox.ts";
import { leasedEventOf, promising } from "./sqlite-reader.ts";
import type { SqliteWriter } from "./sqlite-writer.ts";
import { BLOCKED_MILLISECONDS, CLOCK_TOLERANCE_MILLISECONDS, MAX_LOOKED_AT } from "./work-rules.ts";

type Statements = ReturnType<typeof prepare>;
interface Candidate {
  readonly sequence: number;
  readonly sender: string;
  readonly order_key: string | null;
}

export class SqliteWork implements WorkQueue {
  readonly #statements: Statements;
  readonly #eventOf: (sequence: number) => Lease["event"];
  readonly #writer: SqliteWriter;
  readonly #clock: () => number;
  #latest = Number.POSITIVE_INFINITY;

  /** `clock` in Unix milliseconds. */
  constructor(database: DatabaseSync, writer: SqliteWriter, clock: () => number) {
    this.#statements = prepare(database);
    this.#eventOf = leasedEventOf(database);
    this.#writer = writer;
    this.#clock = clock;
  }

  claim(limit: number, leaseMilliseconds: number, maxBytes = Number.POSITIVE_INFINITY): Promise<Lease[]> {
    return this.#writer.write(() => {
      const now = this.#clock();
      this.#followClock(now);
      const leases: Lease[] = [];
      let bytes = 0;
      for (const { sequence } of this.#findDue(now, limit)) {
        const lease = this.#lease(sequence, now, leaseMilliseconds);
        leases.push(lease);
        bytes += lease.event.body?.byteLength ?? 0;
        if (leases.length >= limit || bytes >= maxBytes) break;
      }
      return leases;
    });
  }

  /** Within the transaction that stored the event. Undefined when an earlier one of its order key comes first. */
  leaseStored(sequence: number, leaseMilliseconds: number): Lease | undefined {
    const now = this.#clock();
    const candidate = this.#statements.candidate.get(sequence) as unknown as Candidate;
    return this.#isBlocked(candidate, now) ? undefined : this.#lease(sequence, now, leaseMilliseconds);
  }

  extend({ event, token }: Lease, leaseMilliseconds: number): Promise<boolean> {
    return this.#change((now) => this.#statements.extend.run(now + leaseMilliseconds, now, event.sequence, token));
  }

  complete(lease: Lease): Promise<boolean> {
    return this.#finish(lease, "done", null);
  }

  bury(lease: Lease, reason: string): Promise<boolean> {
    return this.#finish(lease, "dead", reason);
  }

  retry({ event, token }: Lease, dueAt: number, reason: string): Promise<boolean> {
    return this.#change((now) => this.#statements.retry.run(Math.floor(dueAt), now, reason, event.sequence, token));
  }

  release(leases: readonly Lease[]): Promise<void> {
    return this.#writer.write(() => {
      const now = this.#clock();
      for (const { event, token } of leases) this.#statements.release.run(now, now, event.sequence, token);
    });
  }

  readonly nextDueAt = promising(
    (): number | undefined => (this.#statements.nextDue.get()?.["due_at"] as number | null) ?? undefined,
  );

  retryNow(id: string): Promise<boolean> {
    return this.#change((now) => this.#statements.retryNow.run(now, now, now, id));
  }

  drop(id: string, reason: string): Promise<boolean> {
    return this.#writer.write(() => {
      const now = this.#clock();
      const dropped = this.#statements.drop.get(now, reason, id) as unknown as Candidate | undefined;
      if (dropped !== undefined) this.#wakeNext(dropped, now);
      return dropped !== undefined;
    });
  }

  #finish({ event, token }: Lease, state: "done" | "dead", reason: string | null): Promise<boolean> {
    return this.#writer.write(() => {
      const now = this.#clock();
      const row = this.#statements.finish.get(state, now, reason, event.sequence, token);
      if (row !== undefined) this.#wakeNext(row as unknown as Candidate, now);
      return row !== undefined;
    });
  }

  #change(run: (now: number) => { readonly changes: number | bigint }): Promise<boolean> {
    return this.#writer.write(() => Number(run(this.#clock()).changes) > 0);
  }

  #lease(sequence: number, now: number, leaseMilliseconds: number): Lease {
    const token = randomUUID();
    const until = now + leaseMilliseconds;
    const attempt = Number(this.#statements.lease.get(until, now, token, sequence)?.["attempts"]);
    return { event: this.#eventOf(sequence), attempt, until, token };
  }

  /** Each is to be leased before the next one is asked for. Those that wait for another one of their order key are put off. */
  *#findDue(now: number, limit: number): Generator<Candidate> {
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; ) {
      const candidates = this.#statements.due.all(now, limit) as unknown as Candidate[];
      lookedAt += candidates.length;
      for (const candidate of candidates) {
        if (!this.#isBlocked(candidate, now)) yield candidate;
        else this.#statements.postpone.run(now + BLOCKED_MILLISECONDS, candidate.sequence);
      }
      if (candidates.length === 0 || candidates.length < limit) return;
    }
  }

  #isBlocked({ sequence, sender, order_key: orderKey }: Candidate, now: number): boolean {
    return orderKey !== null && this.#statements.blocking.get(sender, orderKey, sequence, sequence, now) !== undefined;
  }

  /** The next in order may have been put off meanwhile. */
  #wakeNext({ sender, order_key: orderKey }: Candidate, now: number): void {
    if (orderKey !== null) this.#statements.wake.run(now, sender, orderKey);
  }

  /** After the clock went back, what was put off until a time of the old one would wait for it. Asked at first, and after a step. */
  #followClock(now: number): void {
    if (now < this.#latest - CLOCK_TOLERANCE_MILLISECONDS) {
      this.#statements.retime.run(now, now, now + CLOCK_TOLERANCE_MILLISECONDS);
    }
    this.#latest = now;
  }
}

const OWN = "WHERE sequence = ? AND token = ?";

function prepare(database: DatabaseSync) {
  return {
    due: database.prepare(
      "SELECT sequence, sender, order_key FROM work WHERE due_at <= ? ORDER BY due_at, sequence LIMIT ?",
    ),
    candidate: database.prepare("SELECT sequence, sender, order_key FROM work WHERE sequence = ?"),
    blocking: database.prepare(`
      SELECT 1 FROM work WHERE sender = ? AND order_key = ? AND due_at IS NOT NULL
        AND (sequence < ? OR (sequence > ? AND state = 'leased' AND due_at > ?)) LIMIT 1
    `),
    postpone: database.prepare("UPDATE work SET due_at = ? WHERE sequence = ?"),
    wake: database.prepare(`
      UPDATE work SET due_at = min(due_at, ?) WHERE state = 'waiting' AND sequence = (
        SELECT min(sequence) FROM work WHERE sender = ? AND order_key = ? AND due_at IS NOT NULL)
    `),
    lease: database.prepare(`
      UPDATE work SET state = 'leased', attempts = attempts + 1, due_at = ?, changed_at = ?, token = ?
      WHERE sequence = ? RETURNING attempts
    `),
    extend: database.prepare(`UPDATE work SET due_at = ?, changed_at = ? ${OWN}`),
    retry: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, reason = ?, token = NULL ${OWN}`,
    ),
    release: database.prepare(
      `UPDATE work SET state = 'waiting', due_at = ?, changed_at = ?, attempts = attempts - 1, token = NULL ${OWN}`,
    ),
    finish: database.prepare(`
      UPDATE work SET state = ?, due_at = NULL, changed_at = ?, reason = ?, token = NULL ${OWN}
      RETURNING sequence, sender, order_key
    `),
    nextDue: database.prepare("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL"),
    // Before whatever is due.
    retryNow: database.prepare(`
      UPDATE work SET state = 'waiting', changed_at = ?, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
        due_at = min(?, coalesce((SELECT min(due_at) - 1 FROM work WHERE due_at IS NOT NULL), ?))
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?)
    `),
    drop: database.prepare(`
      UPDATE work SET state = 'done', due_at = NULL, changed_at = ?, reason = ?
      WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = ?)
      RETURNING sequence, sender, order_key
    `),
    retime: database.prepare(`
      UPDATE work SET due_at = due_at - changed_at + ?, changed_at = ? WHERE due_at IS NOT NULL AND changed_at > ?
    `),
  };
}
