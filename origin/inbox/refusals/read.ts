// Reads refusals, for SQLite and PostgreSQL. The caller passes the function that runs a statement on the store.

import type { ParameterSign } from "../events/filter.ts";
import type { Ask } from "../events/pages.ts";
import type { RefusalReader } from "./refusals.ts";
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
