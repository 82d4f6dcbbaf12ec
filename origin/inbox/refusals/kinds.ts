// Chooses the kind of each refusal, and counts the refusals and bytes of each kind. A kind is a combination of code, sender, route
// and certificate. Also has the helpers for the statements that write refusals.

import type { ParameterSign, Statement, Value } from "../events/filter.ts";
import type { Row } from "../events/row.ts";
import type { RefusedRequest } from "./refusals.ts";
import { KIND_COLUMNS, presentedWith, SELECT_KINDS } from "./rows.ts";

/** A generator that yields statements. The store runs each statement and returns its rows to the generator. */
export type Steps<Result> = Generator<Statement, Result, readonly Row[]>;

export interface Kind {
  readonly id: number;
  readonly code: string;
  readonly sender: string;
  readonly route: string;
  readonly certificate: string;
  refusals: number;
  bytes: number;
}

/**
 * Returns the name of the share to which a refusal belongs. The stored refusals are divided into shares: refusals with the same
 * code and the same sender are one share. When the storage is full, the largest share loses refusals first.
 */
export function shareOf({ code, sender }: Pick<RefusedRequest, "code" | "sender">): string {
  // No code contains a space, so two shares never have the same name.
  return `${code} ${sender}`;
}

/**
 * Returns the name of the part to which a refusal belongs. Each share is divided into parts, and the largest part of a share loses
 * refusals first. If the sender is known, the refusals of each certificate are one part. A stranger with a certificate of the
 * sender's CA may be taken for this sender. A flood with the stranger's certificate then displaces only refusals of that
 * certificate. If no sender is known, all refusals of the share are one part, because a stranger could make any number of
 * certificates, and so any number of parts.
 */
export function partOf(refused: Pick<RefusedRequest, "code" | "sender">, certificate: string): string {
  return `${shareOf(refused)} ${refused.sender === "" ? "" : certificate}`;
}

/**
 * At most this many certificates of one share get a part each. A sender needs only a few certificates, but a sender with its own CA
 * could make any number of them.
 */
const MAX_PARTS = 50;
/**
 * At most this many routes of one share get a kind each. Without the limit, a stranger could make a kind for each of the thousands
 * of routes that a policy may have.
 */
const MAX_ROUTES = 100;

type Columns = readonly [code: string, sender: string, route: string, certificate: string];

/** Returns a function that keeps the first `max` names of each share, and replaces all other names by "". */
function limitNames(max: number): (share: string, name: string) => string {
  const names = new Map<string, Set<string>>();
  return (share, name) => {
    const own = names.get(share) ?? new Set();
    if (name === "" || (own.size >= max && !own.has(name))) return "";
    names.set(share, own.add(name));
    return name;
  };
}

/** Chooses the kind of each refusal of a batch. `kinds` are the existing kinds. */
function chooseKinds(refused: readonly RefusedRequest[], kinds: readonly Kind[]): ReadonlyMap<RefusedRequest, Columns> {
  const certificateOf = limitNames(MAX_PARTS);
  const routeOf = limitNames(MAX_ROUTES);
  const columnsIn = (share: string, route: string, certificate: string) =>
    [routeOf(share, route), certificateOf(share, certificate)] as const;
  for (const kind of kinds) if (kind.refusals > 0) columnsIn(shareOf(kind), kind.route, kind.certificate);
  return new Map(
    refused.map((one) => {
      const { code, sender, route } = one;
      const presented = sender === "" ? "" : (presentedWith(one) ?? "");
      return [one, [code, sender, ...columnsIn(shareOf(one), route, presented)]];
    }),
  );
}

const COLUMNS = "code, sender, route, certificate";

export interface Kinds {
  /** All kinds, including the kinds of the batch. */
  readonly kinds: readonly Kind[];
  /** Returns the id of the kind of a refusal in the batch. */
  idOf(refused: RefusedRequest): number;
}

export function* readKinds(refused: readonly RefusedRequest[], sign: ParameterSign): Steps<Kinds> {
  const before = (yield plain(SELECT_KINDS)).map(toKind);
  const chosen = chooseKinds(refused, before);
  const ids = new Map(before.map((kind) => [keyOf(columnsOf(kind)), kind.id]));
  const missing = new Map(
    [...chosen.values()].map((columns) => [keyOf(columns), columns] as const).filter(([key]) => !ids.has(key)),
  );
  const added = missing.size > 0 ? (yield insertKinds([...missing.values()], sign)).map(toKind) : [];
  for (const kind of added) ids.set(keyOf(columnsOf(kind)), kind.id);
  const keys = new Map([...chosen].map(([one, columns]) => [one, keyOf(columns)]));
  return { kinds: [...before, ...added], idOf: (one) => ids.get(keys.get(one) ?? "") ?? 0 };
}

function insertKinds(missing: readonly Columns[], sign: ParameterSign): Statement {
  const { text, values } = insert("refusal_kind", COLUMNS, missing, sign);
  return { text: `${text} RETURNING ${KIND_COLUMNS}`, values };
}

function columnsOf({ code, sender, route, certificate }: Kind): Columns {
  return [code, sender, route, certificate];
}

/** Returns the key of a kind. JSON is not used: with thousands of kinds, it would take most of the time that a batch takes. */
function keyOf([code, sender, route, certificate]: Columns): string {
  // The key contains the lengths of the names. So two kinds never have the same key, whatever their names contain.
  return `${code} ${sender.length} ${route.length} ${sender}${route}${certificate}`;
}

function toKind(row: Row): Kind {
  const { id, code, sender, route, certificate, refusals, bytes } = row;
  return {
    id: Number(id),
    code: String(code),
    sender: String(sender),
    route: String(route),
    certificate: String(certificate),
    refusals: Number(refusals),
    bytes: Number(bytes),
  };
}

export interface Counted {
  readonly kind: number;
  readonly bytes: number;
}

/**
 * Adds the rows to the counts of their kinds if `by` is 1, or subtracts them if `by` is -1. Changes the counts in the table and in
 * `kinds`.
 */
export function* count(kinds: readonly Kind[], rows: readonly Counted[], by: 1 | -1): Steps<void> {
  const changes = new Map<number, { refusals: number; bytes: number }>();
  for (const { kind, bytes } of rows) {
    const change = changes.get(kind) ?? { refusals: 0, bytes: 0 };
    change.refusals += by;
    change.bytes += by * bytes;
    changes.set(kind, change);
  }
  for (const kind of kinds) {
    const change = changes.get(kind.id);
    kind.refusals += change?.refusals ?? 0;
    kind.bytes += change?.bytes ?? 0;
  }
  const values = [...changes].map(([kind, { refusals, bytes }]) => `(${kind}, ${refusals}, ${bytes})`);
  yield plain(`
    WITH change (kind, refusals, bytes) AS (VALUES ${values.join(", ")})
    UPDATE refusal_kind SET refusals = refusal_kind.refusals + change.refusals, bytes = refusal_kind.bytes + change.bytes
    FROM change WHERE refusal_kind.id = change.kind`);
}

export function plain(text: string): Statement {
  return { text, values: [] };
}

export function insert(
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
