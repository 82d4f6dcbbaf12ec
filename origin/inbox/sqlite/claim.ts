// Selects the events of the file that may be leased now, and leases them, within one transaction.

import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import type { Lease } from "../inbox.ts";
import {
  BLOCKED_MILLISECONDS,
  BLOCKED_TOKEN,
  describeDamage,
  isUnfinished,
  MAX_CLAIMED_BYTES,
  MAX_LOOKED_AT,
  UNFINISHED_APART_MILLISECONDS,
} from "../lease-rules.ts";
import { SqliteAttempts } from "./attempts.ts";
import { leasedEventOf } from "./reader.ts";

/** The columns that determine the order of an event. */
export interface Ordered {
  readonly sequence: number;
  readonly sender: string;
  readonly order_key: string | null;
}

interface Due extends Ordered {
  readonly state: string;
  readonly attempts: number;
  /** The number of octets of the event's body. */
  readonly bytes: number;
}

export interface ClaimLimits {
  readonly limit: number;
  readonly maxBytes: number;
}

export class SqliteClaim {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #eventOf: (sequence: number) => Lease["event"];
  readonly #attempts: SqliteAttempts;

  constructor(database: DatabaseSync) {
    this.#attempts = new SqliteAttempts(database);
    this.#statements = prepare(database);
    this.#eventOf = leasedEventOf(database);
  }

  /**
   * Leases the due events, at most `limit`. Their bodies together fit into `maxBytes`. But if the first body alone is larger, its
   * event is leased alone. `now` is in Unix milliseconds.
   */
  claim(now: number, { limit, maxBytes }: ClaimLimits, leaseMilliseconds: number): Lease[] {
    const leases: Lease[] = [];
    const most = Math.min(maxBytes, MAX_CLAIMED_BYTES);
    let bytes = 0;
    for (const due of this.#findDue(now, limit)) {
      bytes += due.bytes;
      if (leases.length > 0 && bytes > most) break;
      const lease = this.lease(due, now, leaseMilliseconds);
      if (lease !== undefined) leases.push(lease);
      if (leases.length >= limit) break;
    }
    return leases;
  }

  /** Leases an event that was just stored. Returns undefined if the event must wait for another event of its order key. */
  leaseStored(sequence: number, now: number, leaseMilliseconds: number): Lease | undefined {
    const stored = this.#statements.ordered.get(sequence) as unknown as Ordered;
    return this.#isBlocked(stored, now) ? undefined : this.lease(stored, now, leaseMilliseconds);
  }

  /**
   * Leases an event. Returns undefined if the row of the event is damaged. Such an event becomes dead, so that it does not block
   * other events.
   */
  lease(due: Ordered, now: number, leaseMilliseconds: number): Lease | undefined {
    const { sequence } = due;
    const token = randomUUID();
    const until = now + leaseMilliseconds;
    const attempt = Number(this.#statements.lease.get(until, now, now, token, sequence)?.["attempts"]);
    try {
      return { event: this.#eventOf(sequence), attempt, beganAt: now, until, token };
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      const reason = describeDamage(error);
      const recorded = Number(this.#statements.bury.get(now, reason, sequence)?.["recorded"]);
      const facts = { number: attempt, beganAt: now, endedAt: now, reason };
      this.#attempts.record(sequence, recorded, { outcome: "dead", ...facts });
      this.wakeNext(due, now);
      return undefined;
    }
  }

  /**
   * Makes the next event of an order key due at once, if it was postponed to wait for its turn. Must be called after each change
   * that ends an event or an attempt.
   */
  wakeNext({ sender, order_key: orderKey }: Omit<Ordered, "sequence">, now: number): void {
    if (orderKey !== null) this.#statements.wake.run(now, sender, orderKey);
  }

  /**
   * Yields events that may be leased. The caller must lease each yielded event before it asks for the next event. Postpones events
   * that wait for another event of their order key. Some events were attempted at least twice, and their last attempt left no
   * outcome. Of these events, postpones all except the first, because one of them may have ended the process.
   */
  *#findDue(now: number, limit: number): Generator<Due> {
    let unfinished = 0;
    for (let lookedAt = 0; lookedAt < MAX_LOOKED_AT; ) {
      const found = this.#statements.due.all(now, limit) as unknown as Due[];
      lookedAt += found.length;
      this.#attempts.abandon(found.filter(({ state }) => state === "leased"));
      for (const due of found) {
        if (this.#postponeBlocked(due, now)) continue;
        // Events that were attempted at least twice and whose last attempt left no outcome are attempted one by one: the first now,
        // and each further event a second after the one before it.
        const place = isUnfinished(due) ? unfinished++ : 0;
        if (place === 0) yield due;
        else this.#statements.putOff.run(now + place * UNFINISHED_APART_MILLISECONDS, null, due.sequence);
      }
      if (found.length === 0 || found.length < limit) return;
    }
  }

  /**
   * Postpones an event that must wait for another event of its order key. Returns false if the event need not wait. If the lease of
   * the event has expired, an earlier event may have waited for this lease, so the earlier event is woken.
   */
  #postponeBlocked(due: Due, now: number): boolean {
    if (!this.#isBlocked(due, now)) return false;
    this.#statements.putOff.run(now + BLOCKED_MILLISECONDS, BLOCKED_TOKEN, due.sequence);
    if (due.state === "leased") this.wakeNext(due, now);
    return true;
  }

  #isBlocked({ sequence, sender, order_key: orderKey }: Ordered, now: number): boolean {
    return orderKey !== null && this.#statements.blocking.get(sender, orderKey, sequence, sequence, now) !== undefined;
  }
}

function prepare(database: DatabaseSync) {
  return {
    due: database.prepare(`
      SELECT work.sequence, work.sender, work.order_key, work.state, work.attempts, coalesce(length(event.body), 0) AS bytes
      FROM work LEFT JOIN event ON event.sequence = work.sequence
      WHERE work.due_at <= ? ORDER BY work.due_at, work.sequence LIMIT ?
    `),
    ordered: database.prepare("SELECT sequence, sender, order_key FROM work WHERE sequence = ?"),
    blocking: database.prepare(`
      SELECT 1 FROM work WHERE sender = ? AND order_key = ? AND due_at IS NOT NULL
        AND (sequence < ? OR (sequence > ? AND state = 'leased' AND due_at > ?)) LIMIT 1
    `),
    // This statement also ends an expired lease. Otherwise the later due time would make this lease valid again, and the lease
    // would block the earlier event for which this event waits.
    putOff: database.prepare("UPDATE work SET state = 'waiting', due_at = ?, token = ? WHERE sequence = ?"),
    wake: database.prepare(`
      UPDATE work SET due_at = min(due_at, ?), token = NULL WHERE state = 'waiting' AND token = '${BLOCKED_TOKEN}'
        AND sequence = (SELECT min(sequence) FROM work WHERE sender = ? AND order_key = ? AND due_at IS NOT NULL)
    `),
    lease: database.prepare(`
      UPDATE work SET state = 'leased', attempts = attempts + 1, due_at = ?, changed_at = ?, began_at = ?, token = ?
      WHERE sequence = ? RETURNING attempts
    `),
    bury: database.prepare(`
      UPDATE work SET state = 'dead', due_at = NULL, changed_at = ?, reason = ?, token = NULL, began_at = NULL,
        recorded = recorded + 1 WHERE sequence = ? RETURNING recorded
    `),
  };
}
