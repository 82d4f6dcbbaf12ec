// Deletes entries that are older than the retention rule allows. It works in short steps, because acceptances wait while a step
// runs.

import type { DatabaseSync } from "node:sqlite";
import { DIRECT } from "../../accept.ts";
import type { Retention } from "../inbox.ts";
import {
  DELIVERED_AGAIN_SECONDS,
  MAX_ERASED_BYTES,
  MAX_ERASED_EVENTS,
  oldCertificates,
  REPEATED_SECONDS,
} from "../retention.ts";
import { pruneSqliteRefusals } from "./refusals.ts";

export class SqliteRetention {
  readonly #statements: ReturnType<typeof prepare>;

  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#statements = prepare(database);
  }

  /** Runs one step, within a transaction. `now` is in Unix milliseconds. Returns the number of changed rows. */
  prune({ bodySeconds, eventSeconds }: Retention, now: number): number {
    const seconds = Math.floor(now / 1000);
    const changed =
      this.#eraseBodies(now - bodySeconds * 1000) +
      this.#deleteEvents(now - eventSeconds * 1000, seconds) +
      Number(this.#statements.forget.run(seconds - REPEATED_SECONDS, MAX_ERASED_EVENTS).changes) +
      Number(this.#statements.forgetDeleted.run(seconds, MAX_ERASED_EVENTS).changes) +
      pruneSqliteRefusals(this.#database, now - bodySeconds * 1000, MAX_ERASED_EVENTS);
    return changed > 0 ? changed : this.#deleteCertificates(seconds);
  }

  /**
   * Deletes old certificates. It is called only when nothing else is left to delete, because the search for senders with many
   * certificates reads a whole index.
   */
  #deleteCertificates(now: number): number {
    const { oldest, deleteCertificates } = this.#statements;
    return Number(deleteCertificates.run(Math.min(now, Number(oldest.get()?.["accepted_at"] ?? now))).changes);
  }

  #eraseBodies(before: number): number {
    const { withBody, erase, erased } = this.#statements;
    return this.#each(withBody.all(before, MAX_ERASED_EVENTS), (sequence) => {
      erase.run(sequence);
      erased.run(sequence);
    });
  }

  /**
   * Deletes events that were finished before `before` (Unix milliseconds), but keeps the ids of events that may arrive again. `now`
   * is in Unix seconds.
   */
  #deleteEvents(before: number, now: number): number {
    const { finished, keepAssertion, keepId, deleteEvent, deleteAttempts, deleteWork } = this.#statements;
    return this.#each(finished.all(before, MAX_ERASED_EVENTS), (sequence) => {
      keepAssertion.run(sequence, now - REPEATED_SECONDS);
      keepId.run(sequence, now);
      deleteEvent.run(sequence);
      deleteAttempts.run(sequence);
      deleteWork.run(sequence);
    });
  }

  /**
   * Calls `change` for the rows in their order, and stops before the sum of their `bytes` exceeds `MAX_ERASED_BYTES`. The first row
   * is always changed. The bytes are limited because SQLite overwrites deleted content, which takes time.
   */
  #each(rows: readonly Record<string, unknown>[], change: (sequence: number) => void): number {
    let bytes = 0;
    let changed = 0;
    for (const row of rows) {
      bytes += Number(row["bytes"]);
      if (changed > 0 && bytes > MAX_ERASED_BYTES) break;
      change(Number(row["sequence"]));
      changed += 1;
    }
    return changed;
  }
}

function prepare(database: DatabaseSync) {
  const oldest = (condition: string) =>
    database.prepare(`
      SELECT work.sequence, coalesce(length(event.body), 0) AS bytes
      FROM work JOIN event ON event.sequence = work.sequence
      WHERE ${condition} AND changed_at < ? ORDER BY changed_at LIMIT ?
    `);
  return {
    withBody: oldest("state = 'done' AND has_body = 1"),
    finished: oldest("due_at IS NULL"),
    erase: database.prepare("UPDATE event SET body = NULL WHERE sequence = ?"),
    erased: database.prepare("UPDATE work SET has_body = 0 WHERE sequence = ?"),
    keepAssertion: database.prepare(`
      INSERT INTO repeated SELECT issuer, jti, max(assertion_expires, accepted_at) AS expires FROM event
      WHERE sequence = ? AND issuer <> '${DIRECT}' AND max(assertion_expires, accepted_at) >= ? ON CONFLICT DO NOTHING
    `),
    keepId: database.prepare(`
      INSERT INTO deleted_event SELECT issuer, id, accepted_at + ${DELIVERED_AGAIN_SECONDS} FROM event
      WHERE sequence = ? AND issuer <> '${DIRECT}' AND accepted_at + ${DELIVERED_AGAIN_SECONDS} >= ? ON CONFLICT DO NOTHING
    `),
    deleteEvent: database.prepare("DELETE FROM event WHERE sequence = ?"),
    deleteAttempts: database.prepare("DELETE FROM attempt WHERE sequence = ?"),
    deleteWork: database.prepare("DELETE FROM work WHERE sequence = ?"),
    oldest: database.prepare("SELECT accepted_at FROM event ORDER BY sequence LIMIT 1"),
    deleteCertificates: database.prepare(`DELETE FROM certificate WHERE id IN (${oldCertificates("?")})`),
    forget: database.prepare(`
      DELETE FROM repeated WHERE (issuer, jti) IN (SELECT issuer, jti FROM repeated WHERE expires < ? LIMIT ?)
    `),
    forgetDeleted: database.prepare(`
      DELETE FROM deleted_event WHERE (issuer, id) IN (SELECT issuer, id FROM deleted_event WHERE expires < ? LIMIT ?)
    `),
  };
}
