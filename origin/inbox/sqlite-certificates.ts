// Which certificates senders were accepted with: one row for each, written beside the event that brought it.
// It decides nothing about a request.

import type { DatabaseSync } from "node:sqlite";
import { BoundedCache } from "../../core/bounded-cache.ts";
import { parseCertificate } from "../../core/certificate.ts";
import type { CertificateFacts } from "../../core/delivery.ts";
import { CERTIFICATE_CACHE_ENTRIES } from "../../core/wire.ts";
import type { FirstSight } from "../inbox.ts";

/** last_seen may be this late: exact, it would cost every event a second write. */
const LAST_SEEN_SECONDS = 3600;

/** The sender's name, and what it presented. */
export interface Presented {
  readonly sender: string;
  readonly certificate: CertificateFacts;
}

type Sight = Omit<FirstSight, "id" | "sender">;

export interface WrittenCertificate {
  readonly id: number;
  readonly isNew: boolean;
  /** Of a sender that was known. */
  readonly firstSights: readonly Sight[];
}

export class SeenCertificates {
  readonly #written = new BoundedCache<string, { readonly id: number; readonly at: number }>(CERTIFICATE_CACHE_ENTRIES);
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
  }

  /** The row of a certificate that this process wrote within the hour: then there is nothing to write. */
  find(presented: Presented, now: number): number | undefined {
    const written = this.#written.get(keyOf(presented));
    return written !== undefined && now - written.at < LAST_SEEN_SECONDS ? written.id : undefined;
  }

  /** Writes the row or its last_seen. In a transaction that holds the write lock, so that of several processes one is first. */
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
    const firstSights = this.#compare(presented);
    const row = [sender, sha256, spkiSha256, issuer, subject, notAfter, der, intermediates, now, now];
    return { id: Number(this.#statements.insert.run(...row).lastInsertRowid), isNew: true, firstSights };
  }

  /** After the commit. */
  remember(presented: Presented, id: number, now: number): void {
    this.#written.set(keyOf(presented), { id, at: now });
  }

  #compare({ sender, certificate }: Presented): Sight[] {
    const { last, firstWith } = this.#statements;
    const latest = last.get(sender);
    if (latest === undefined) return [];
    const sights: Sight[] = [];
    const compare = (what: Sight["what"], column: "spki_sha256" | "issuer", value: string) => {
      const since = (text: string) => firstWith[column].get(sender, text)?.["since"] ?? undefined;
      const old = String(latest[column]);
      if (since(value) === undefined) sights.push({ what, old, since: Number(since(old)), new: value });
    };
    compare("new key", "spki_sha256", certificate.spkiSha256);
    compare("new issuer", "issuer", certificate.issuer);
    for (const base64 of new Set(certificate.intermediates)) {
      if (this.#statements.hasIntermediate.get(sender, base64) !== undefined) continue;
      const old = (JSON.parse(String(latest["intermediates"])) as string[]).map(describeIntermediate).join("; ");
      const since = Number(latest["first_seen"]);
      sights.push({ what: "new intermediate", old: old || "none", since, new: describeIntermediate(base64) });
    }
    return sights;
  }
}

function prepare(database: DatabaseSync) {
  const firstWith = (column: string) =>
    database.prepare(`SELECT min(first_seen) AS since FROM certificate WHERE sender = ? AND ${column} = ?`);
  return {
    find: database.prepare("SELECT id FROM certificate WHERE sender = ? AND sha256 = ? AND intermediates = ?"),
    insert: database.prepare(`
      INSERT INTO certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    `),
    refresh: database.prepare("UPDATE certificate SET last_seen = max(last_seen, ?) WHERE id = ?"),
    last: database.prepare("SELECT * FROM certificate WHERE sender = ? ORDER BY last_seen DESC, id DESC LIMIT 1"),
    firstWith: { spki_sha256: firstWith("spki_sha256"), issuer: firstWith("issuer") },
    hasIntermediate: database.prepare(
      "SELECT 1 FROM certificate, json_each(intermediates) AS member WHERE sender = ? AND member.value = ? LIMIT 1",
    ),
  };
}

function keyOf({ sender, certificate: { sha256, intermediates } }: Presented): string {
  return [sender, sha256, ...intermediates].join(" ");
}

function describeIntermediate(base64: string): string {
  const { subjectText, sha256 } = parseCertificate(base64);
  return `${subjectText} (sha256 ${sha256})`;
}
