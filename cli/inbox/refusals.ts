// `countersign inbox refusals` lists the refused requests that an origin keeps next to its events.

import { formatPem } from "../../core/x509/certificate.ts";
import { awaitRefusals } from "../../origin/inbox/refusals/read.ts";
import type { KeptRefusal, RefusalCursor, RefusedRequest } from "../../origin/inbox/refusals/refusals.ts";
import { parseWhole } from "../arguments/values.ts";
import { UsageError } from "../command.ts";
import { type Line, print, printText } from "../output.ts";
import { bad, heading, type Row, tabulate } from "../table.ts";
import { parseTimes } from "./filter.ts";
import { readFrom, type Values } from "./options.ts";

export const REFUSAL_FILTERS = ["since", "until", "route", "sender", "code"] as const;

/** The number of refusals that are read at a time, so that a long list does not fill the memory. */
const REFUSALS_A_PAGE = 250;

type WholeRefusal = KeptRefusal & Pick<RefusedRequest, "certificate">;

export async function listRefusals(values: Values, ids: readonly string[]): Promise<number> {
  const [id, ...others] = ids;
  if (others.length > 0) throw new UsageError("inbox refusals takes one decision id");
  if (id !== undefined) return await show(values, id);
  const { code, sender, route } = values;
  const filter = { code, sender, route, ...parseTimes(values) };
  let left = parseWhole("--limit", values.limit, 1, 999_999);
  const listed: KeptRefusal[] = [];
  await readFrom(values, async (reader) => {
    let cursor: RefusalCursor | undefined;
    do {
      const limit = Math.min(left, REFUSALS_A_PAGE);
      const { refusals, next } = await reader.refusals.page({ ...filter, limit }, cursor);
      if (values.json) print(refusals.map((refusal) => JSON.stringify(describe(refusal))));
      else listed.push(...refusals);
      left -= refusals.length;
      cursor = left > 0 ? next : undefined;
    } while (cursor !== undefined);
  });
  if (values.json) return 0;
  print(listed.length === 0 ? ["no such refusals"] : tabulate([HEADINGS.map(heading), ...listed.map(rowOf)]));
  return 0;
}

const HEADINGS = ["at", "code", "sender", "route", "peer", "decision", "why"];

function rowOf(refusal: KeptRefusal): Row {
  const { at, code, sender, route, peer = "", id, line } = refusal;
  return [new Date(at).toISOString(), bad(code), sender, route, peer, id, String(line["why"] ?? line["cause"] ?? "")];
}

/** Returns the object of one line of `--json`. Its member `line` is the log line, as it was printed. */
function describe({ at, ...refusal }: KeptRefusal & Partial<WholeRefusal>) {
  return { at: new Date(at).toISOString(), ...refusal };
}

/** Shows all refusals with this decision id. There may be several, because a queued event that is delivered again keeps its id. */
async function show(values: Values, id: string): Promise<number> {
  if (REFUSAL_FILTERS.some((name) => values[name] !== undefined))
    throw new UsageError("inbox refusals takes a decision id or filters, not both");
  const found = await readFrom(values, async (reader) => {
    const refusals = await awaitRefusals(reader.refusals, id, REFUSALS_A_PAGE);
    return await Promise.all(refusals.map(({ sequence }) => reader.refusals.find(sequence)));
  });
  const refusals = found.filter((refusal) => refusal !== undefined);
  if (refusals.length === 0) throw new UsageError(`there is no refusal ${JSON.stringify(id)}`);
  if (values.json) print(refusals.map((refusal) => JSON.stringify(describe(refusal))));
  else for (const refusal of refusals) tell(refusal);
  return 0;
}

function tell({ certificate, ...refusal }: WholeRefusal): void {
  const { line, sequence: _sequence, ...kept } = describe(refusal);
  const facts = { ...line, ...kept };
  const told = Object.entries(facts).filter(([, value]) => value !== undefined && value !== "");
  const lines: Line[] = tabulate(
    told.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
  print(lines);
  if (certificate === undefined) return;
  printText(["", ...[certificate.der, ...certificate.intermediates].map(formatPem)].join("\n"));
}
