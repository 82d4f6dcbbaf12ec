// Keeps the stored refusals and their certificates within the limits, by deleting rows. The rows are divided into shares, and the
// largest share loses rows first (see shares.ts).

import { MAX_REFUSALS_PER_WRITE } from "../../../core/wire.ts";
import type { ParameterSign } from "../events/filter.ts";
import type { Row } from "../events/row.ts";
import { count, type Kind, partOf, plain, type Steps, shareOf } from "./kinds.ts";
import type { RefusalLimits } from "./refusals.ts";
import { giveWay, type Part, type Source } from "./shares.ts";

/**
 * The largest number of rows of one table that are deleted after a batch of refusals was written. A batch has fewer refusals than
 * this. So the table shrinks after the operator has lowered a limit, even if refusals are still written.
 */
const MAX_DELETED = 4 * MAX_REFUSALS_PER_WRITE;
/** The largest number of rows that one statement reads: refusals of one kind, or certificates of one part. */
const ROWS_READ = 16;

/** Selects the time of the oldest refusal of each kind, with one look-up in the index for each kind. */
const SELECT_OLDEST =
  "SELECT id, (SELECT min(at) FROM refusal WHERE kind = refusal_kind.id) AS oldest FROM refusal_kind WHERE refusals > 0";

/** Deletes refusals above the limits. Returns how many were deleted. */
export function* trimRefusals(kinds: readonly Kind[], limits: RefusalLimits): Steps<number> {
  const deleted = yield* trimBy("refusals", kinds, limits.refusals, MAX_DELETED);
  return deleted + (yield* trimBy("bytes", kinds, limits.bytes, MAX_DELETED - deleted));
}

function* trimBy(column: "refusals" | "bytes", kinds: readonly Kind[], limit: number, most: number): Steps<number> {
  if (kinds.reduce((sum, kind) => sum + kind[column], 0) <= limit) return 0;
  const parts = partsOf(kinds, yield plain(SELECT_OLDEST), column);
  const amount = column === "bytes" ? "bytes" : "1";
  const rows = yield* giveWay(parts, limit, most, ({ kind }, last) => {
    const after = last && `AND (at, sequence) > (${Number(last["time"])}, ${Number(last["sequence"])})`;
    return plain(`
      SELECT sequence, kind, bytes, at AS time, ${amount} AS amount FROM refusal
      WHERE kind = ${kind} ${after ?? ""} ORDER BY at, sequence LIMIT ${ROWS_READ}`);
  });
  return yield* deleteRefusals(kinds, rows);
}

interface KindRows extends Source {
  readonly kind: number;
}

interface KindPart extends Part<KindRows> {
  readonly sources: KindRows[];
}

/**
 * Groups the kinds of refusals into parts (see `partOf`). `column` says whether the amount of a part is its number of refusals or
 * of bytes. `rows` are the rows of `SELECT_OLDEST`.
 */
function partsOf(kinds: readonly Kind[], rows: readonly Row[], column: "refusals" | "bytes"): readonly KindPart[] {
  const times = new Map(rows.map((row) => [Number(row["id"]), row["oldest"]]));
  const parts = new Map<string, KindPart>();
  for (const kind of kinds) {
    if (kind.refusals <= 0) continue;
    const name = partOf(kind, kind.certificate);
    const part = parts.get(name) ?? { share: shareOf(kind), amount: 0, oldest: Number.POSITIVE_INFINITY, sources: [] };
    const oldest = Number(times.get(kind.id) ?? 0);
    part.amount += kind[column];
    part.oldest = Math.min(part.oldest, oldest);
    part.sources.push({ kind: kind.id, oldest });
    parts.set(name, part);
  }
  return [...parts.values()];
}

export function* deleteRefusals(kinds: readonly Kind[], rows: readonly Row[]): Steps<number> {
  if (rows.length === 0) return 0;
  yield plain(`DELETE FROM refusal WHERE sequence IN (${rows.map((row) => Number(row["sequence"])).join(", ")})`);
  yield* count(
    kinds,
    rows.map((row) => ({ kind: Number(row["kind"]), bytes: Number(row["bytes"]) })),
    -1,
  );
  // Kinds without refusals are deleted, so that each batch has fewer kinds to read.
  yield plain("DELETE FROM refusal_kind WHERE refusals <= 0");
  return rows.length;
}

/**
 * Divides the stored certificates into groups, which are called parts. All certificates without a known sender are one part. For a
 * known sender, each leaf and all the intermediates that were presented with it are one part. So a leaf is only one part, although
 * anybody can send any number of different intermediates with it.
 */
const SELECT_SUMS = `
  SELECT sender, '' AS sha256, sum(bytes) AS bytes, min(last_seen) AS oldest
  FROM refused_certificate WHERE sender = '' GROUP BY sender
  UNION ALL
  SELECT sender, sha256, sum(bytes), min(last_seen) FROM refused_certificate WHERE sender > '' GROUP BY sender, sha256`;

/**
 * Deletes certificates if all stored certificates together have more than `limit` octets. The certificates of each sender are one
 * share. `SELECT_SUMS` selects the parts of all shares. Certificates are deleted one by one. The next certificate to delete is
 * always in the largest part of the largest share. Of the certificates in this part, it is the one that was presented least
 * recently. Returns how many were deleted.
 */
export function* trimChains(limit: number, sign: ParameterSign): Steps<number> {
  const parts = (yield plain(SELECT_SUMS)).map((row) => {
    const [sender, sha256, oldest] = [String(row["sender"]), String(row["sha256"]), Number(row["oldest"])];
    return { share: sender, amount: Number(row["bytes"]), oldest, sources: [{ sender, sha256, oldest }] };
  });
  const rows = yield* giveWay(parts, limit, MAX_DELETED, ({ sender, sha256 }, last) => {
    const values = [sender, ...(sha256 === "" ? [] : [sha256])];
    const ofLeaf = sha256 === "" ? "" : `AND sha256 = ${sign}2`;
    // This program computed the digests, and they are in hex. So they are safe in the SQL text.
    const after = last && `AND (last_seen, digest) > (${Number(last["time"])}, '${String(last["digest"])}')`;
    return {
      text: `SELECT digest, bytes AS amount, last_seen AS time FROM refused_certificate
        WHERE sender = ${sign}1 ${ofLeaf} ${after ?? ""} ORDER BY last_seen, digest LIMIT ${ROWS_READ}`,
      values,
    };
  });
  if (rows.length === 0) return 0;
  yield plain(
    `DELETE FROM refused_certificate WHERE digest IN (${rows.map((row) => `'${String(row["digest"])}'`).join(", ")})`,
  );
  return rows.length;
}
