// Finds what is new in a sender's certificate, compared with what the sender presented before. Remembers which certificates this
// process has written. No request is refused because something in its certificate is new.

import { BoundedCache } from "../../core/bounded-cache.ts";
import type { CertificateFacts } from "../../core/delivery/delivery.ts";
import { CERTIFICATE_CACHE_ENTRIES } from "../../core/wire.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import type { Row } from "./events/row.ts";
import type { FirstSight } from "./inbox.ts";

/**
 * The time for which the row of a certificate is not written again. So `last_seen` may be too early by up to this time. An exact
 * `last_seen` would cost every event a second write.
 */
const LAST_SEEN_SECONDS = 3600;

/** The beginning of a statement that selects the latest certificates of a sender. A new certificate is compared with them. */
export const SELECT_KNOWN = "SELECT spki_sha256, issuer, intermediates, first_seen FROM certificate";

/** The name of a sender, and the certificate that it presented. */
export interface Presented {
  readonly sender: string;
  readonly certificate: CertificateFacts;
}

export type Sight = Omit<FirstSight, "id" | "sender">;

export interface WrittenCertificate {
  readonly id: number;
  readonly isNew: boolean;
  /** What a known sender presented for the first time. Empty if the sender itself is new, because then everything is new. */
  readonly firstSights: readonly Sight[];
}

/** The certificates whose rows this process wrote within the last hour. These rows need not be written again. */
export class WrittenCertificates {
  readonly #written = new BoundedCache<string, { readonly id: number; readonly at: number }>(CERTIFICATE_CACHE_ENTRIES);

  find(presented: Presented, now: number): number | undefined {
    const written = this.#written.get(keyOf(presented));
    return written !== undefined && now - written.at < LAST_SEEN_SECONDS ? written.id : undefined;
  }

  /** Must be called after the commit, because a transaction that is rolled back leaves no row. */
  remember(presented: Presented, id: number, now: number): void {
    this.#written.set(keyOf(presented), { id, at: now });
  }
}

/**
 * Finds what is new about a certificate, compared with the latest certificates of its sender. In `known`, the certificate that was
 * seen last comes first.
 */
export function findFirstSights({ certificate }: Presented, known: readonly Row[]): Sight[] {
  const latest = known[0];
  if (latest === undefined) return [];
  const sights: Sight[] = [];
  for (const [what, column, value] of [
    ["new key", "spki_sha256", certificate.spkiSha256],
    ["new issuer", "issuer", certificate.issuer],
  ] as const) {
    if (known.some((row) => row[column] === value)) continue;
    const old = String(latest[column]);
    const since = Math.min(...known.filter((row) => row[column] === old).map((row) => Number(row["first_seen"])));
    sights.push({ what, old, since, new: value });
  }
  const seen = new Set(known.flatMap(intermediatesOf));
  for (const base64 of new Set(certificate.intermediates)) {
    if (seen.has(base64)) continue;
    const old = intermediatesOf(latest).map(describeIntermediate).join("; ");
    const since = Number(latest["first_seen"]);
    sights.push({ what: "new intermediate", old: old || "none", since, new: describeIntermediate(base64) });
  }
  return sights;
}

function intermediatesOf(row: Row): string[] {
  return JSON.parse(String(row["intermediates"])) as string[];
}

function keyOf({ sender, certificate: { sha256, intermediates } }: Presented): string {
  return [sender, sha256, ...intermediates].join(" ");
}

function describeIntermediate(base64: string): string {
  const { subjectText, sha256 } = parseCertificate(base64);
  return `${subjectText} (sha256 ${sha256})`;
}
