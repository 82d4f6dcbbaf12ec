// Reads refusals, for SQLite and PostgreSQL. The caller passes the function that runs a statement on the store.

import { setTimeout } from "node:timers/promises";
import type { ParameterSign } from "../events/filter.ts";
import type { Ask } from "../events/pages.ts";
import type { KeptRefusal, RefusalReader } from "./refusals.ts";
import { kindsOf, SELECT_KINDS, selectPage, selectRefusal, toPage, toWholeRefusal } from "./rows.ts";

export function refusalReaderOf(ask: Ask, sign: ParameterSign): RefusalReader {
  return {
    async page(filter, cursor) {
      const kinds = kindsOf(filter, await ask(SELECT_KINDS, []));
      if (kinds?.length === 0) return { refusals: [], next: undefined };
      const { text, values } = selectPage(filter, kinds, cursor, sign);
      return toPage(await ask(text, values), filter);
    },
    async find(sequence) {
      const [row] = await ask(selectRefusal(sign), [sequence]);
      return row && toWholeRefusal(row);
    },
    async perHour(since, until) {
      const hours = `hour >= ${Math.floor(since)} AND hour < ${Math.floor(until)}`;
      const rows = await ask(`SELECT hour, code, refusals FROM refusal_hour WHERE ${hours} ORDER BY hour, code`, []);
      return rows.map((row) => ({
        ...{ hour: Number(row["hour"]), code: String(row["code"]), refusals: Number(row["refusals"]) },
      }));
    },
  };
}

/** An origin has stored a refusal this long after its answer, also if the machine is busy. Usually it takes half a second. */
const STORED_WITHIN_MILLISECONDS = 2_000;
const LOOK_AGAIN_MILLISECONDS = 100;

/**
 * Returns the latest refusals with this decision id. If there is none, waits for it, because the sender may have got the id before the
 * refusal was stored. `answeredAt` is the time of the answer in Unix milliseconds, if the caller knows it. Does not wait for a refusal
 * that must have been stored long ago.
 */
export async function awaitRefusals(
  reader: RefusalReader,
  id: string,
  limit: number,
  answeredAt = Date.now(),
): Promise<readonly KeptRefusal[]> {
  const deadline = Math.min(answeredAt, Date.now()) + STORED_WITHIN_MILLISECONDS;
  for (;;) {
    const { refusals } = await reader.page({ id, limit });
    if (refusals.length > 0 || Date.now() > deadline) return refusals;
    await setTimeout(LOOK_AGAIN_MILLISECONDS);
  }
}
