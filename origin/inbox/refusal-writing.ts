// Writes refusals and keeps them within their limits: the statements of one transaction, for both stores.

import { MAX_REFUSALS_PER_WRITE } from "../../core/wire.ts";
import type { RefusalBatch, RefusalLimits, RefusedRequest } from "../refusals.ts";
import type { ParameterSign, Statement, Value } from "./event-filter.ts";
import {
  CHAIN_COLUMNS,
  chainColumnsOf,
  digestOfChain,
  REFUSAL_COLUMNS,
  ROW_BYTES,
  refusalColumnsOf,
  SELECT_KINDS,
  selectOfKinds,
} from "./refusal-rows.ts";
import { excessOf } from "./refusal-shares.ts";
import type { Row } from "./rows.ts";

/** The store runs each statement and returns its rows. */
export type RefusalSteps = Generator<Statement, number, readonly Row[]>;

/** How many rows one step deletes: more than one batch brings, so that a limit that was lowered is reached in time. */
const MAX_DELETED = 4 * MAX_REFUSALS_PER_WRITE;

interface Kind {
  readonly id: number;
  readonly code: string;
  readonly sender: string;
  readonly route: string;
  refusals: number;
  bytes: number;
}

/** The steps of RefusalStore.add, in one transaction. */
export function* addSteps(batch: RefusalBatch, limits: RefusalLimits, sign: ParameterSign): RefusalSteps {
  const { refused, counts } = batch;
  const kinds = yield* readKinds(refused, sign);
  const chains = chainsOf(refused);
  if (chains.length > 0) yield insertChains(chains, sign);
  if (refused.length > 0) {
    const rows = refused.map((one) => refusalColumnsOf(one, kinds.find((kind) => isOfKind(one, kind))?.id ?? 0));
    yield insert("refusal", REFUSAL_COLUMNS, rows, sign);
    yield* count(
      kinds,
      rows.map((row) => ({ kind: Number(row[1]), bytes: Number(row[8]) })),
      1,
    );
  }
  if (counts.length > 0) {
    const rows = counts.map(({ hour, code, refusals }) => [hour, code, refusals]);
    const added = "(hour, code) DO UPDATE SET refusals = refusal_hour.refusals + excluded.refusals";
    yield insert("refusal_hour", "hour, code, refusals", rows, sign, added);
  }
  const deleted = yield* trimRefusals(kinds, limits);
  return deleted + (chains.length > 0 ? yield* trimChains(limits.certificateBytes, sign) : 0);
}

/** Deletes what is older than `before`, in Unix milliseconds: at most `limit` rows of each table. */
export function* pruneSteps(before: number, limit: number): RefusalSteps {
  const old = yield plain(`SELECT sequence, kind, bytes FROM refusal WHERE at < ${before} ORDER BY at LIMIT ${limit}`);
  let changed = yield* deleteRefusals(yield* readKinds([], "?"), old);
  for (const [table, key, time, until] of [
    ["refused_certificate", "digest", "last_seen", before],
    ["refusal_hour", "hour", "hour", Math.floor(before / 1000)],
  ] as const) {
    const some = `SELECT ${key} FROM ${table} WHERE ${time} < ${until} LIMIT ${limit}`;
    changed += (yield plain(`DELETE FROM ${table} WHERE ${key} IN (${some}) RETURNING ${key}`)).length;
  }
  yield plain("DELETE FROM refusal_kind WHERE refusals <= 0");
  return changed;
}

/** All kinds, those of the batch included. */
function* readKinds(
  refused: readonly RefusedRequest[],
  sign: ParameterSign,
): Generator<Statement, Kind[], readonly Row[]> {
  const named = new Map(
    refused.map(({ code, sender, route }) => [JSON.stringify([code, sender, route]), [code, sender, route]]),
  );
  if (named.size > 0)
    yield insert("refusal_kind", "code, sender, route", [...named.values()], sign, "(code, sender, route) DO NOTHING");
  return (yield plain(SELECT_KINDS)).map((row) => ({
    ...{ code: String(row["code"]), sender: String(row["sender"]), route: String(row["route"]) },
    ...{ id: Number(row["id"]), refusals: Number(row["refusals"]), bytes: Number(row["bytes"]) },
  }));
}

function isOfKind(refused: RefusedRequest, { code, sender, route }: Kind): boolean {
  return refused.code === code && refused.sender === sender && refused.route === route;
}

interface Counted {
  readonly kind: number;
  readonly bytes: number;
}

/** Counts rows that were added (1) or deleted (-1), also in `kinds`. */
function* count(
  kinds: readonly Kind[],
  rows: readonly Counted[],
  by: 1 | -1,
): Generator<Statement, void, readonly Row[]> {
  for (const kind of kinds) {
    const own = rows.filter((row) => row.kind === kind.id);
    if (own.length === 0) continue;
    const bytes = own.reduce((sum, row) => sum + row.bytes, 0);
    kind.refusals += by * own.length;
    kind.bytes += by * bytes;
    yield plain(
      `UPDATE refusal_kind SET refusals = refusals + ${by * own.length}, bytes = bytes + ${by * bytes} WHERE id = ${kind.id}`,
    );
  }
}

/** A share is a code and a sender. */
function sharesOf(kinds: readonly Kind[], amountOf: (kind: Kind) => number): ReadonlyMap<string, number> {
  const shares = new Map<string, number>();
  for (const kind of kinds) shares.set(shareOf(kind), (shares.get(shareOf(kind)) ?? 0) + amountOf(kind));
  return shares;
}

export function shareOf({ code, sender }: { readonly code: string; readonly sender: string }): string {
  // No code has a space.
  return `${code} ${sender}`;
}

/** Deletes the oldest of the shares that are too large. */
function* trimRefusals(kinds: readonly Kind[], limits: RefusalLimits): RefusalSteps {
  const rows = excessOf(
    sharesOf(kinds, ({ refusals }) => refusals),
    limits.refusals,
  );
  const bytes = excessOf(
    sharesOf(kinds, (kind) => kind.bytes),
    limits.bytes,
  );
  let deleted = 0;
  for (const share of new Set([...rows.keys(), ...bytes.keys()])) {
    const excess = { rows: rows.get(share) ?? 0, bytes: bytes.get(share) ?? 0 };
    const own = kinds.filter((kind) => kind.refusals > 0 && shareOf(kind) === share).map(({ id }) => id);
    const oldest = yield plain(`
      SELECT refusal.sequence, refusal.kind, refusal.bytes FROM (${selectOfKinds(own, [], "", mostOf(excess))}) AS found
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

function* deleteRefusals(kinds: readonly Kind[], rows: readonly Row[]): RefusalSteps {
  if (rows.length === 0) return 0;
  yield plain(`DELETE FROM refusal WHERE sequence IN (${rows.map((row) => Number(row["sequence"])).join(", ")})`);
  yield* count(
    kinds,
    rows.map((row) => ({ kind: Number(row["kind"]), bytes: Number(row["bytes"]) })),
    -1,
  );
  return rows.length;
}

/** Each certificate once. */
function chainsOf(refused: readonly RefusedRequest[]): (string | number)[][] {
  const chains = new Map<string, (string | number)[]>();
  for (const one of refused) {
    if (one.certificate !== undefined) chains.set(digestOfChain(one.certificate), chainColumnsOf(one, one.certificate));
  }
  return [...chains.values()];
}

/** One that a known sender presents counts as that sender's, whoever presented it before. */
function insertChains(rows: readonly (string | number)[][], sign: ParameterSign): Statement {
  return insert(
    "refused_certificate",
    CHAIN_COLUMNS,
    rows,
    sign,
    `(digest) DO UPDATE SET last_seen = excluded.last_seen,
       sender = CASE refused_certificate.sender WHEN '' THEN excluded.sender ELSE refused_certificate.sender END`,
  );
}

/** Deletes certificates of the senders, or strangers, that take the most room: those that were not presented for the longest. */
function* trimChains(limit: number, sign: ParameterSign): RefusalSteps {
  const sums = yield plain("SELECT sender, sum(bytes) AS bytes FROM refused_certificate GROUP BY sender");
  const excesses = excessOf(new Map(sums.map((row) => [String(row["sender"]), Number(row["bytes"])])), limit);
  let deleted = 0;
  for (const [sender, bytes] of excesses) {
    const excess = { rows: 0, bytes };
    const oldest = yield {
      text: `SELECT digest, bytes FROM refused_certificate WHERE sender = ${sign}1 ORDER BY last_seen LIMIT ${mostOf(excess)}`,
      values: [sender],
    };
    // Digests of ours, in hex.
    const digests = takeExcess(oldest, excess).map((row) => `'${String(row["digest"])}'`);
    yield plain(`DELETE FROM refused_certificate WHERE digest IN (${digests.join(", ")})`);
    deleted += digests.length;
  }
  return deleted;
}

function plain(text: string): Statement {
  return { text, values: [] };
}

function insert(
  table: string,
  columns: string,
  rows: readonly (readonly Value[])[],
  sign: ParameterSign,
  conflict?: string,
): Statement {
  const values: Value[] = [];
  const places = rows.map((row) => `(${row.map((value) => `${sign}${values.push(value)}`).join(", ")})`);
  const end = conflict === undefined ? "" : ` ON CONFLICT ${conflict}`;
  return { text: `INSERT INTO ${table} (${columns}) VALUES ${places.join(", ")}${end}`, values };
}
