// Keeps refusals and their certificates within the limits: the oldest of the largest shares are deleted.

import { MAX_REFUSALS_PER_WRITE } from "../../core/wire.ts";
import type { RefusalLimits } from "../refusals.ts";
import type { ParameterSign } from "./event-filter.ts";
import { count, type Kind, partOf, plain, type Steps, shareOf } from "./refusal-kinds.ts";
import { ROW_BYTES, selectOfKinds } from "./refusal-rows.ts";
import { excessOfParts } from "./refusal-shares.ts";
import type { Row } from "./rows.ts";

/** How many rows of a part one step deletes: more than a batch brings, so that a limit that was lowered is reached in time. */
const MAX_DELETED = 4 * MAX_REFUSALS_PER_WRITE;

/** Returns how many were deleted. */
export function* trimRefusals(kinds: readonly Kind[], limits: RefusalLimits): Steps<number> {
  const excessBy = (amountOf: (kind: Kind) => number, limit: number) =>
    excessOfParts(
      kinds.map((kind) => ({
        ...{ share: shareOf(kind), part: partOf(kind, kind.certificate), amount: amountOf(kind) },
      })),
      limit,
    );
  const rows = excessBy(({ refusals }) => refusals, limits.refusals);
  const bytes = excessBy((kind) => kind.bytes, limits.bytes);
  let deleted = 0;
  for (const part of new Set([...rows.keys(), ...bytes.keys()])) {
    const excess = { rows: rows.get(part) ?? 0, bytes: bytes.get(part) ?? 0 };
    const own = kinds.filter((kind) => kind.refusals > 0 && partOf(kind, kind.certificate) === part);
    const found = selectOfKinds(
      own.map(({ id }) => id),
      [],
      "",
      mostOf(excess),
    );
    const oldest = yield plain(`
      SELECT refusal.sequence, refusal.kind, refusal.bytes FROM (${found}) AS found
      JOIN refusal ON refusal.sequence = found.sequence ORDER BY refusal.at, refusal.sequence`);
    deleted += yield* deleteRefusals(kinds, takeExcess(oldest, excess));
  }
  return deleted;
}

interface Excess {
  readonly rows: number;
  readonly bytes: number;
}

/** At most this number of rows make up the excess. */
function mostOf({ rows, bytes }: Excess): number {
  return Math.min(MAX_DELETED, Math.max(rows, Math.ceil(bytes / ROW_BYTES)));
}

/** The first rows that together are the excess in both respects. */
function takeExcess(rows: readonly Row[], excess: Excess): readonly Row[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => {
    if (index >= excess.rows && bytes >= excess.bytes) return true;
    bytes += Number(row["bytes"]);
    return false;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

export function* deleteRefusals(kinds: readonly Kind[], rows: readonly Row[]): Steps<number> {
  if (rows.length === 0) return 0;
  yield plain(`DELETE FROM refusal WHERE sequence IN (${rows.map((row) => Number(row["sequence"])).join(", ")})`);
  yield* count(
    kinds,
    rows.map((row) => ({ kind: Number(row["kind"]), bytes: Number(row["bytes"]) })),
    -1,
  );
  return rows.length;
}

/** Strangers are one part, and each leaf of a known sender is one: the intermediates beside it may be anybody's. */
const SELECT_SUMS = `
  SELECT sender, '' AS sha256, sum(bytes) AS bytes FROM refused_certificate WHERE sender = '' GROUP BY sender
  UNION ALL
  SELECT sender, sha256, sum(bytes) FROM refused_certificate WHERE sender > '' GROUP BY sender, sha256`;

/** Deletes certificates that were not presented for the longest time. Returns how many. */
export function* trimChains(limit: number, sign: ParameterSign): Steps<number> {
  const sums = (yield plain(SELECT_SUMS)).map((row) => {
    const [sender, sha256] = [String(row["sender"]), String(row["sha256"])];
    return { sender, sha256, share: sender, part: JSON.stringify([sender, sha256]), amount: Number(row["bytes"]) };
  });
  const excesses = excessOfParts(sums, limit);
  let deleted = 0;
  for (const { sender, sha256, part } of sums) {
    const bytes = excesses.get(part);
    if (bytes === undefined) continue;
    const excess = { rows: 0, bytes };
    const ofLeaf = sha256 === "" ? "" : `AND sha256 = ${sign}2`;
    const oldest = yield {
      text: `SELECT digest, bytes FROM refused_certificate WHERE sender = ${sign}1 ${ofLeaf} ORDER BY last_seen LIMIT ${mostOf(excess)}`,
      values: sha256 === "" ? [sender] : [sender, sha256],
    };
    // Digests of ours, in hex.
    const digests = takeExcess(oldest, excess).map((row) => `'${String(row["digest"])}'`);
    yield plain(`DELETE FROM refused_certificate WHERE digest IN (${digests.join(", ")})`);
    deleted += digests.length;
  }
  return deleted;
}
