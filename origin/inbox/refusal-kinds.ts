// The kinds of refusals, with the number and the bytes of each, and the steps in which refusals are written.

import type { RefusedRequest } from "../refusals.ts";
import type { ParameterSign, Statement, Value } from "./event-filter.ts";
import { presentedWith, SELECT_KINDS } from "./refusal-rows.ts";
import type { Row } from "./rows.ts";

/** The store runs each statement and returns its rows. */
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

/** A share of the room is a code and a sender. */
export function shareOf({ code, sender }: Pick<RefusedRequest, "code" | "sender">): string {
  // No code has a space.
  return `${code} ${sender}`;
}

/**
 * A part of a share is one certificate, if the sender is known: whoever else has a certificate of the sender's CA may come near
 * its entries, too. Strangers are one part, because anybody can make certificates.
 */
export function partOf(refused: Pick<RefusedRequest, "code" | "sender">, certificate: string): string {
  return `${shareOf(refused)} ${refused.sender === "" ? "" : certificate}`;
}

/**
 * Certificates of one share that have parts of their own. A sender has a handful. A limit is needed because a sender whose CA is
 * its own can make any number of them.
 */
const MAX_PARTS = 50;

type Columns = readonly [code: string, sender: string, route: string, certificate: string];

/** Chooses the kind of each refusal of a batch. `kinds`: those that there are. */
function chooseKinds(refused: readonly RefusedRequest[], kinds: readonly Kind[]): ReadonlyMap<RefusedRequest, Columns> {
  const parts = new Map<string, Set<string>>();
  const addPart = (share: string, certificate: string) => {
    const own = parts.get(share) ?? new Set();
    if (certificate === "" || (own.size >= MAX_PARTS && !own.has(certificate))) return "";
    parts.set(share, own.add(certificate));
    return certificate;
  };
  for (const kind of kinds) if (kind.refusals > 0) addPart(shareOf(kind), kind.certificate);
  return new Map(
    refused.map((one) => {
      const { code, sender, route } = one;
      const presented = sender === "" ? "" : (presentedWith(one) ?? "");
      return [one, [code, sender, route, addPart(shareOf(one), presented)]];
    }),
  );
}

const COLUMNS = "code, sender, route, certificate";

export interface Kinds {
  /** All of them, those of the batch included. */
  readonly kinds: readonly Kind[];
  /** The kind of a refusal of the batch. */
  idOf(refused: RefusedRequest): number;
}

export function* readKinds(refused: readonly RefusedRequest[], sign: ParameterSign): Steps<Kinds> {
  const before = (yield plain(SELECT_KINDS)).map(toKind);
  const chosen = chooseKinds(refused, before);
  const missing = new Map([...chosen.values()].map((columns) => [keyOf(columns), columns]));
  for (const kind of before) missing.delete(keyOf(columnsOf(kind)));
  if (missing.size > 0) yield insert("refusal_kind", COLUMNS, [...missing.values()], sign);
  const kinds = missing.size > 0 ? (yield plain(SELECT_KINDS)).map(toKind) : before;
  const ids = new Map(kinds.map((kind) => [keyOf(columnsOf(kind)), kind.id]));
  return { kinds, idOf: (one) => ids.get(keyOf(chosen.get(one))) ?? 0 };
}

function columnsOf({ code, sender, route, certificate }: Kind): Columns {
  return [code, sender, route, certificate];
}

function keyOf(columns: Columns | undefined): string {
  return JSON.stringify(columns);
}

function toKind(row: Row): Kind {
  return {
    ...{ code: String(row["code"]), sender: String(row["sender"]), route: String(row["route"]) },
    ...{ certificate: String(row["certificate"]), id: Number(row["id"]) },
    ...{ refusals: Number(row["refusals"]), bytes: Number(row["bytes"]) },
  };
}

export interface Counted {
  readonly kind: number;
  readonly bytes: number;
}

/** Counts rows that were added (1) or deleted (-1), also in `kinds`. */
export function* count(kinds: readonly Kind[], rows: readonly Counted[], by: 1 | -1): Steps<void> {
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
