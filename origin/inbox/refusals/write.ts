// Makes the statements that write and delete refusals. SQLite and PostgreSQL run the same statements.

import type { ParameterSign, Statement } from "../events/filter.ts";
import { count, insert, plain, readKinds, type Steps } from "./kinds.ts";
import type { RefusalBatch, RefusalLimits, RefusedRequest } from "./refusals.ts";
import { CHAIN_COLUMNS, chainColumnsOf, digestOfChain, REFUSAL_COLUMNS, refusalColumnsOf } from "./rows.ts";
import { deleteRefusals, trimChains, trimRefusals } from "./trim.ts";

/** Yields the statements of `RefusalStore.add`, which run in one transaction. */
export function* addSteps(batch: RefusalBatch, limits: RefusalLimits, sign: ParameterSign): Steps<number> {
  const { refused, counts } = batch;
  const { kinds, idOf } = yield* readKinds(refused, sign);
  const chains = chainsOf(refused);
  if (chains.length > 0) yield insertChains(chains, sign);
  if (refused.length > 0) {
    const rows = refused.map((one) => refusalColumnsOf(one, idOf(one)));
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

/** Deletes rows that are older than `before` (Unix milliseconds), at most `limit` rows of each table. */
export function* pruneSteps(before: number, limit: number): Steps<number> {
  const old = yield plain(`SELECT sequence, kind, bytes FROM refusal WHERE at < ${before} ORDER BY at LIMIT ${limit}`);
  let changed = yield* deleteRefusals((yield* readKinds([], "?")).kinds, old);
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

/** Returns one row for each combination of a certificate and its intermediates. */
function chainsOf(refused: readonly RefusedRequest[]): (string | number)[][] {
  const chains = new Map<string, (string | number)[]>();
  for (const one of refused) {
    if (one.certificate !== undefined) chains.set(digestOfChain(one.certificate), chainColumnsOf(one, one.certificate));
  }
  return [...chains.values()];
}

/**
 * Inserts certificates. If a certificate is already stored without a sender, it gets the sender of the new refusal. A certificate
 * that has a sender keeps this sender.
 */
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
