// Stores one event within a transaction. Finds out whether its assertion is a replay, whether the event is a duplicate, and
// whether it conflicts with another event.

import type { DatabaseSync } from "node:sqlite";
import type { Delivery } from "../../../core/delivery/delivery.ts";
import { type AssertionId, DIRECT } from "../../accept.ts";
import { columnsOf, EVENT_ROW_COLUMNS, type Insertion } from "../events/columns.ts";

const INSERT = `
  INSERT INTO event (${EVENT_ROW_COLUMNS}) VALUES (${EVENT_ROW_COLUMNS.replaceAll(/\w+/g, "?")})
  ON CONFLICT DO NOTHING
`;

const SAME_KEY = "WHERE sender = ? AND event_key = ? AND method = ? AND target = ?";

export class SqliteEvents {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  /**
   * Inserts an event. If the event is not stored, returns whether the event is a replay or a duplicate. `now` is in Unix seconds.
   */
  insert(delivery: Delivery, assertion: AssertionId, now: number, certificateId: number | null): Insertion {
    const { sender, eventKey, request } = delivery;
    const { insert, sameKey } = this.#statements;
    const known = assertion.issuer === DIRECT ? undefined : this.#findDeleted(delivery, assertion);
    if (known !== undefined) return known;
    const { changes, lastInsertRowid } = insert.run(...columnsOf(delivery, assertion, now, certificateId));
    if (Number(changes) === 0) return this.#explain(delivery, assertion);
    const sequence = Number(lastInsertRowid);
    const other =
      eventKey === undefined ? undefined : sameKey.get(sender, eventKey, request.method, request.target, sequence);
    if (other === undefined) return { outcome: "stored", sequence };
    // Only one other event with the same key is flagged. If there are several other events with this key, all of them already have
    // the flag.
    for (const flagged of [sequence, Number(other["sequence"])]) this.#statements.flag.run(flagged);
    return { outcome: "stored", sequence, conflictsWith: String(other["id"]) };
  }

  setCertificate(sequence: number, certificateId: number): void {
    this.#statements.setCertificate.run(certificateId, sequence);
  }

  /** Finds out whether an event is a replay or a duplicate of an event that retention has deleted. */
  #findDeleted({ id }: Delivery, { issuer, jti, expires }: AssertionId): Insertion | undefined {
    const { isUsedUp, isDeleted, useUp } = this.#statements;
    if (isUsedUp.get(issuer, jti) !== undefined) return { outcome: "replayed" };
    if (isDeleted.get(issuer, id) === undefined) return undefined;
    useUp.run(issuer, jti, expires);
    return { outcome: "duplicate", of: id };
  }

  #explain(delivery: Delivery, { issuer, jti, expires }: AssertionId): Insertion {
    const { sameAssertion, sameId, sameBytes, useUp, count } = this.#statements;
    const { sender, eventKey, request, contentDigest } = delivery;
    if (sameAssertion.get(issuer, jti) !== undefined) return { outcome: "replayed" };
    const first =
      sameId.get(delivery.id, issuer) ??
      sameBytes.get(sender, eventKey ?? null, request.method, request.target, contentDigest);
    if (first === undefined) throw new Error("the event was refused by an index and is not there");
    // A duplicate is not stored, but its assertion is recorded as used, so that a replay of the duplicate is detected.
    if (Number(useUp.run(issuer, jti, expires).changes) === 0) return { outcome: "replayed" };
    count.run(Number(first["sequence"]));
    return { outcome: "duplicate", of: String(first["id"]) };
  }
}

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare(INSERT),
    sameAssertion: database.prepare("SELECT 1 FROM event WHERE issuer = ? AND jti = ?"),
    sameId: database.prepare("SELECT sequence, id FROM event WHERE id = ? AND issuer = ?"),
    sameBytes: database.prepare(`SELECT sequence, id FROM event ${SAME_KEY} AND content_digest = ?`),
    sameKey: database.prepare(`SELECT sequence, id FROM event ${SAME_KEY} AND sequence <> ? LIMIT 1`),
    isUsedUp: database.prepare("SELECT 1 FROM repeated WHERE issuer = ? AND jti = ?"),
    isDeleted: database.prepare("SELECT 1 FROM deleted_event WHERE issuer = ? AND id = ?"),
    useUp: database.prepare("INSERT INTO repeated (issuer, jti, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"),
    count: database.prepare("UPDATE work SET duplicates = duplicates + 1 WHERE sequence = ?"),
    setCertificate: database.prepare("UPDATE event SET certificate_id = ? WHERE sequence = ?"),
    flag: database.prepare("UPDATE work SET has_conflict = 1 WHERE sequence = ?"),
  };
}
