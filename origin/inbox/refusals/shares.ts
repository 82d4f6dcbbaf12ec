// Decides which rows are deleted when the refusals or their certificates exceed a limit. The rows are divided into shares, and each
// share into parts (kinds.ts). Rows are chosen one by one. The next row is always found in three steps: the largest share at this
// moment, the largest part of this share, and the oldest row of this part. So a flood in one share takes no room from smaller
// shares. No more rows are deleted than necessary.

import type { Statement } from "../events/filter.ts";
import type { Row } from "../events/row.ts";
import type { Steps } from "./kinds.ts";

/** A group of rows that are read in the order of time. */
export interface Source {
  /** The time of the oldest row that is left in this source. */
  oldest: number;
}

/** One part of a share of the storage, with the rows that belong to it. */
export interface Part<Own extends Source> {
  readonly share: string;
  /** The amount that the limit counts: the number of rows or of bytes. */
  amount: number;
  /** The time of the oldest row. Of several parts with the same size, the part with the oldest row loses a row first. */
  oldest: number;
  /** The sources of the rows. There is at least one. */
  readonly sources: readonly Own[];
}

interface Share<Own extends Source> {
  amount: number;
  readonly parts: Part<Own>[];
}

/**
 * Returns the rows that must be deleted, at most `most` rows. `read` returns a statement with the columns `amount` and `time`. The
 * statement selects the first rows of a source, or the next rows after `last`.
 */
export function* giveWay<Own extends Source>(
  parts: readonly Part<Own>[],
  limit: number,
  most: number,
  read: (source: Own, last: Row | undefined) => Statement,
): Steps<readonly Row[]> {
  const shares = sharesOf(parts);
  let excess = shares.reduce((sum, { amount }) => sum + amount, 0) - limit;
  const given: Row[] = [];
  const waiting = new Map<Own, Row[]>();
  const last = new Map<Own, Row>();
  while (excess > 0 && given.length < most) {
    const { share, part } = largestOf(shares);
    const source = oldestOf(part.sources);
    const known = waiting.get(source);
    const rows = known?.length ? known : [...(yield read(source, last.get(source)))];
    waiting.set(source, rows);
    const row = rows.shift();
    const amount = row === undefined ? leftOf(part, source) : Number(row["amount"]);
    part.amount -= amount;
    share.amount -= amount;
    excess -= amount;
    if (row === undefined) continue;
    source.oldest = Number((rows[0] ?? row)["time"]);
    part.oldest = oldestOf(part.sources).oldest;
    last.set(source, row);
    given.push(row);
  }
  return given;
}

function oldestOf<Own extends Source>(sources: readonly Own[]): Own {
  return sources.reduce((first, one) => (one.oldest < first.oldest ? one : first));
}

/**
 * Marks a source as empty. If all sources of the part are now empty, returns the amount that the part still counts, so that the
 * caller subtracts it. In a damaged file, a part may count more rows than it has. Without the subtraction, such a part would be
 * read again and again. If the part has another source with rows, returns 0.
 */
function leftOf<Own extends Source>(part: Part<Own>, source: Own): number {
  source.oldest = Number.POSITIVE_INFINITY;
  part.oldest = oldestOf(part.sources).oldest;
  return part.oldest === Number.POSITIVE_INFINITY ? part.amount : 0;
}

function sharesOf<Own extends Source>(parts: readonly Part<Own>[]): readonly Share<Own>[] {
  const shares = new Map<string, Share<Own>>();
  for (const part of parts) {
    const share = shares.get(part.share) ?? { amount: 0, parts: [] };
    share.amount += part.amount;
    share.parts.push(part);
    shares.set(part.share, share);
  }
  return [...shares.values()];
}

/** Returns the largest part of the largest share. There must be at least one part. */
function largestOf<Own extends Source>(shares: readonly Share<Own>[]): { share: Share<Own>; part: Part<Own> } {
  const size = shares.reduce((most, { amount }) => Math.max(most, amount), Number.NEGATIVE_INFINITY);
  let found: { share: Share<Own>; part: Part<Own> } | undefined;
  for (const share of shares) {
    if (share.amount < size) continue;
    for (const part of share.parts)
      if (found === undefined || givesWayBefore(part, found.part)) found = { share, part };
  }
  return found as { share: Share<Own>; part: Part<Own> };
}

function givesWayBefore(one: Part<Source>, other: Part<Source>): boolean {
  return one.amount > other.amount || (one.amount === other.amount && one.oldest < other.oldest);
}
