// Stores the certificates with which senders were accepted. The row of a certificate is written in the same transaction as the
// event that came with the certificate.

import { LATEST_FIRST } from "../events/row.ts";
import { findFirstSights, type Presented, SELECT_KNOWN, type WrittenCertificate } from "../first-sights.ts";
import { type Client, lockNumber } from "./pool.ts";
import { digestOf } from "./schema.ts";

/**
 * Writes the row of a new certificate, or `last_seen` of a known one. The lock makes sure that only one of several origins sees a
 * certificate as new.
 */
export async function writeCertificate(client: Client, presented: Presented, now: number): Promise<WrittenCertificate> {
  const { sender, certificate } = presented;
  const { sha256, spkiSha256, issuer, subject, notAfter, der } = certificate;
  const intermediates = JSON.stringify(certificate.intermediates);
  await client.query("SELECT pg_advisory_xact_lock($1)", [lockNumber("certificates", sender)]);
  // For an empty table, the planner may choose the index that finds all certificates of the sender.
  const { rows } = await client.queryAnew(
    `UPDATE certificate SET last_seen = greatest(last_seen, $4)
     WHERE sender = $1 AND sha256 = $2 AND intermediates = $3 AND ${digestOf("intermediates")} = ${digestOf("$3::text")}
     RETURNING id`,
    [sender, sha256, intermediates, now],
  );
  if (rows.length > 0) return { id: Number(rows[0]["id"]), isNew: false, firstSights: [] };
  const known = await client.query(`${SELECT_KNOWN} WHERE sender = $1 ${LATEST_FIRST}`, [sender]);
  const inserted = await client.query(
    `INSERT INTO certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) RETURNING id`,
    [sender, sha256, spkiSha256, issuer, subject, notAfter, der, intermediates, now],
  );
  return { id: Number(inserted.rows[0]["id"]), isNew: true, firstSights: findFirstSights(presented, known.rows) };
}
