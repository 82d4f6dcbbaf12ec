// Stores the certificates with which senders were accepted. A row is written in the transaction of the event that presented the
// certificate.

import type { DatabaseSync } from "node:sqlite";
import { LATEST_FIRST } from "../events/row.ts";
import { findFirstSights, type Presented, SELECT_KNOWN, type WrittenCertificate } from "../first-sights.ts";

export class SqliteCertificates {
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  /**
   * Writes the row of a new certificate, or `last_seen` of a known one. Must be called in a transaction that holds the write lock,
   * so that only one of several processes sees a certificate as new.
   */
  write(presented: Presented, now: number): WrittenCertificate {
    const { sender, certificate } = presented;
    const { sha256, spkiSha256, issuer, subject, notAfter, der } = certificate;
    const intermediates = JSON.stringify(certificate.intermediates);
    const known = this.#statements.find.get(sender, sha256, intermediates);
    if (known !== undefined) {
      const id = Number(known["id"]);
      this.#statements.refresh.run(now, id);
      return { id, isNew: false, firstSights: [] };
    }
    const firstSights = findFirstSights(presented, this.#statements.known.all(sender));
    const row = [sender, sha256, spkiSha256, issuer, subject, notAfter, der, intermediates, now, now];
    return { id: Number(this.#statements.insert.run(...row).lastInsertRowid), isNew: true, firstSights };
  }
}

function prepare(database: DatabaseSync) {
  return {
    find: database.prepare("SELECT id FROM certificate WHERE sender = ? AND sha256 = ? AND intermediates = ?"),
    insert: database.prepare(`
      INSERT INTO certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    `),
    refresh: database.prepare("UPDATE certificate SET last_seen = max(last_seen, ?) WHERE id = ?"),
    known: database.prepare(`${SELECT_KNOWN} WHERE sender = ? ${LATEST_FIRST}`),
  };
}
