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

function columnsOf(
  refused: RefusedRequest,
): readonly [code: string, sender: string, route: string, certificate: string] {
  const { code, sender, route } = refused;
  return [code, sender, route, sender === "" ? "" : (presentedWith(refused) ?? "")];
}

const COLUMNS = "code, sender, route, certificate";

/** All kinds, those of the batch included. */
export function* readKinds(refused: readonly RefusedRequest[], sign: ParameterSign): Steps<Kind[]> {
  const named = new Map(refused.map((one) => [JSON.stringify(columnsOf(one)), columnsOf(one)]));
  if (named.size > 0) yield insert("refusal_kind", COLUMNS, [...named.values()], sign, `(${COLUMNS}) DO NOTHING`);
  return (yield plain(SELECT_KINDS)).map((row) => ({
    ...{ code: String(row["code"]), sender: String(row["sender"]), route: String(row["route"]) },
    ...{ certificate: String(row["certificate"]), id: Number(row["id"]) },
    ...{ refusals: Number(row["refusals"]), bytes: Number(row["bytes"]) },
  }));
}

export function findKind(refused: RefusedRequest, kinds: readonly Kind[]): Kind | undefined {
  const [code, sender, route, certificate] = columnsOf(refused);
  return kinds.find(
    (kind) => kind.code === code && kind.sender === sender && kind.route === route && kind.certificate === certificate,
  );
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
