// The rows of refusals, for SQLite and PostgreSQL, and the statements that read these rows. A kind is a combination of code, sender
// and route, and also of the certificate if the sender is known. There are few kinds: codes, routes and senders come from this
// program and from the policy, and the number of certificates of one sender is limited.

import { hash } from "node:crypto";
import type { LogLine } from "../../../core/log-line.ts";
import { formatLogLine } from "../../../core/log-line.ts";
import type { ParameterSign, Statement, Value } from "../events/filter.ts";
import type { Row } from "../events/row.ts";
import type {
  KeptRefusal,
  RefusalCursor,
  RefusalFilter,
  RefusalPage,
  RefusedCertificate,
  RefusedRequest,
} from "./refusals.ts";

/** The approximate size in octets of a row and its index entries, without the log line. Every row counts at least this much. */
export const ROW_BYTES = 256;
/**
 * For at most this number of kinds, `selectOfKinds` makes one SELECT for each kind and combines these SELECTs with UNION ALL. For
 * more kinds, it uses one SELECT that reads refusals in the order of time, because SQLite combines at most 500 SELECTs.
 */
const MAX_KINDS_JOINED = 200;

export const REFUSAL_COLUMNS = "at, kind, id, peer, method, target, certificate, chain, bytes, line";
export const CHAIN_COLUMNS = "digest, sha256, sender, bytes, last_seen, der, intermediates";

/** Returns one value for each of `REFUSAL_COLUMNS`, in the same order. */
export function refusalColumnsOf(refused: RefusedRequest, kind: number): Value[] {
  const { at, id, peer, method, target, certificate } = refused;
  const line = formatLogLine(refused.line);
  const bytes = ROW_BYTES + Buffer.byteLength(line) + Buffer.byteLength(target ?? "");
  const chain = certificate === undefined ? null : digestOfChain(certificate);
  const sha256 = presentedWith(refused) ?? null;
  return [at, kind, id, peer ?? null, method ?? null, target ?? null, sha256, chain, bytes, line];
}

/**
 * Returns the SHA-256 digest of the presented certificate. If the bytes of the certificate are not known, returns the digest that
 * the log line contains, if there is one.
 */
export function presentedWith({ certificate, line }: Pick<RefusedRequest, "certificate" | "line">): string | undefined {
  const { sha256 } = certificate ?? (Object(line["certificate"]) as { readonly sha256?: unknown });
  return typeof sha256 === "string" ? sha256 : undefined;
}

/** Returns one value for each of `CHAIN_COLUMNS`, in the same order. */
export function chainColumnsOf({ at, sender }: RefusedRequest, certificate: RefusedCertificate): (string | number)[] {
  const { sha256, der } = certificate;
  const intermediates = JSON.stringify(certificate.intermediates);
  const bytes = ROW_BYTES + der.length + intermediates.length;
  return [digestOfChain(certificate), sha256, sender, bytes, at, der, intermediates];
}

export function digestOfChain({ der, intermediates }: RefusedCertificate): string {
  return hash("sha256", [der, ...intermediates].join(","), "hex");
}

const SHOWN =
  "refusal.sequence, refusal.at, refusal.id, peer, method, target, refusal.certificate, line, code, sender, route";
const WITH_KIND = "refusal JOIN refusal_kind ON refusal_kind.id = refusal.kind";

/** Selects a refusal with its certificate. The only parameter of the statement is the sequence of the refusal. */
export function selectRefusal(sign: ParameterSign): string {
  return `
    SELECT ${SHOWN}, chained.sha256, chained.der, chained.intermediates
    FROM ${WITH_KIND} LEFT JOIN (SELECT digest, sha256, der, intermediates FROM refused_certificate) AS chained
      ON chained.digest = refusal.chain
    WHERE refusal.sequence = ${sign}1`;
}

export const KIND_COLUMNS = "id, code, sender, route, certificate, refusals, bytes";
/** Selects all kinds, with the numbers of their refusals and bytes. */
export const SELECT_KINDS = `SELECT ${KIND_COLUMNS} FROM refusal_kind`;

export const SELECT_STOCK = `
  SELECT coalesce(sum(refusals), 0) AS refusals,
    coalesce(sum(bytes), 0) + (SELECT coalesce(sum(bytes), 0) FROM refused_certificate) AS bytes FROM refusal_kind`;

/**
 * Selects the oldest refusals of the given kinds, or the newest ones if `order` is `DESC`. If `kinds` is empty, selects from all
 * kinds. Up to `MAX_KINDS_JOINED` kinds, the statement needs one look-up in the index for each kind, however many refusals there
 * are. `conditions` are on columns of the table `refusal`.
 */
export function selectOfKinds(
  kinds: readonly number[],
  conditions: readonly string[],
  order: "" | "DESC",
  limit: number,
): string {
  const inOrder = `ORDER BY at ${order}, sequence ${order} LIMIT ${limit}`;
  const where = (condition: readonly string[]) => (condition.length === 0 ? "" : `WHERE ${condition.join(" AND ")}`);
  const ofOne = (condition: string[]) =>
    `SELECT sequence, at FROM refusal ${where([...condition, ...conditions])} ${inOrder}`;
  if (kinds.length === 0 || kinds.length > MAX_KINDS_JOINED)
    return ofOne(kinds.length === 0 ? [] : [`kind IN (${kinds.join(", ")})`]);
  const each = kinds.map((kind, index) => `SELECT * FROM (${ofOne([`kind = ${kind}`])}) AS kind_${index}`);
  return `SELECT sequence, at FROM (${each.join(" UNION ALL ")}) AS joined ${inOrder}`;
}

/**
 * Selects the refusals of a page, and the refusal after the page if there is one. `kinds` are the kinds of the filter, or undefined
 * for all kinds.
 */
export function selectPage(
  filter: RefusalFilter,
  kinds: readonly number[] | undefined,
  cursor: RefusalCursor | undefined,
  sign: ParameterSign,
): Statement {
  const { id, since, until, limit } = filter;
  const values: string[] = [];
  const conditions = [
    ...(id === undefined ? [] : [`id = ${sign}${values.push(id)}`]),
    ...(since === undefined ? [] : [`at >= ${Math.floor(since * 1000)}`]),
    ...(until === undefined ? [] : [`at < ${Math.floor(until * 1000)}`]),
    ...(cursor === undefined ? [] : [`(at, sequence) < (${Number(cursor.at)}, ${Number(cursor.sequence)})`]),
  ];
  // One decision has only a few refusals, so they are looked up by the id of the decision and not by their kind.
  const few = id === undefined ? (kinds ?? []) : [];
  if (id !== undefined && kinds !== undefined) conditions.push(`kind IN (${kinds.join(", ")})`);
  return {
    text: `
      SELECT ${SHOWN} FROM (${selectOfKinds(few, conditions, "DESC", limit + 1)}) AS found
      JOIN refusal ON refusal.sequence = found.sequence JOIN refusal_kind ON refusal_kind.id = refusal.kind
      ORDER BY refusal.at DESC, refusal.sequence DESC`,
    values,
  };
}

/** Returns the kinds that a filter selects. Undefined if it selects all kinds. */
export function kindsOf({ code, sender, route }: RefusalFilter, rows: readonly Row[]): readonly number[] | undefined {
  if (code === undefined && sender === undefined && route === undefined) return undefined;
  return rows
    .filter((row) => code === undefined || row["code"] === code)
    .filter((row) => sender === undefined || row["sender"] === sender)
    .filter((row) => route === undefined || row["route"] === route)
    .map((row) => Number(row["id"]));
}

/** Makes a page. `rows` are the rows of `selectPage`. */
export function toPage(rows: readonly Row[], { limit }: RefusalFilter): RefusalPage {
  const refusals = rows.slice(0, limit).map(toRefusal);
  const last = refusals.at(-1);
  return { refusals, next: rows.length > limit && last ? { at: last.at, sequence: last.sequence } : undefined };
}

/** Converts the row of `selectRefusal`. */
export function toWholeRefusal(row: Row): KeptRefusal & Pick<RefusedRequest, "certificate"> {
  const { sha256, der, intermediates } = row;
  const certificate =
    typeof der === "string"
      ? { sha256: String(sha256), der, intermediates: JSON.parse(String(intermediates)) as string[] }
      : undefined;
  return { ...toRefusal(row), certificate };
}

function toRefusal(row: Row): KeptRefusal {
  const text = (column: string) => (row[column] === null ? undefined : String(row[column]));
  return {
    sequence: Number(row["sequence"]),
    at: Number(row["at"]),
    id: String(row["id"]),
    code: String(row["code"]),
    route: String(row["route"]),
    sender: String(row["sender"]),
    peer: text("peer"),
    method: text("method"),
    target: text("target"),
    line: parseLine(row["line"]),
    certificateSha256: text("certificate"),
  };
}

/**
 * Parses a stored log line. Returns a line without details if the row is damaged, so that a list still shows the other refusals.
 */
function parseLine(text: unknown): LogLine {
  try {
    return JSON.parse(String(text)) as LogLine;
  } catch {
    return { decision: "refused" };
  }
}
