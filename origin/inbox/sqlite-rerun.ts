// Done events of a file that go to the handler again, in one transaction.

import type { DatabaseSync } from "node:sqlite";
import type { EventFilter, Rerun, RerunOptions } from "../inbox.ts";
import { findRange } from "./event-pages.ts";
import {
  COUNT_CHOSEN,
  chosenTable,
  leaveOut,
  requireRunnable,
  selectChosen,
  selectOvertaken,
  toRerun,
  updateChosen,
  whichOf,
} from "./rerun.ts";
import type { SqliteWriter } from "./sqlite-writer.ts";

const DROP = "DROP TABLE IF EXISTS temp.chosen";

export async function rerunSqlite(
  database: DatabaseSync,
  writer: SqliteWriter,
  clock: () => number,
  options: RerunOptions,
): Promise<Rerun> {
  const range = await rangeOf(database, options.filter);
  const byId = options.ids !== undefined;
  return await writer.write(() => {
    const now = clock();
    database.exec(DROP);
    database.exec(chosenTable("?"));
    for (const which of whichOf(options)) {
      const { text, values } = selectChosen(which, range, "?");
      database.prepare(text).run(...values);
    }
    const rerun = toRerun(database.prepare(COUNT_CHOSEN).get() ?? {}, { byId });
    database.exec(leaveOut({ byId }));
    requireRunnable(rerun, database.prepare(selectOvertaken(now)).get());
    if (!options.isTrial) database.exec(updateChosen(now));
    database.exec(DROP);
    return rerun;
  });
}

async function rangeOf(database: DatabaseSync, filter: EventFilter | undefined) {
  if (filter?.since === undefined && filter?.until === undefined) return undefined;
  return await findRange((text) => Promise.resolve(database.prepare(text).all()), filter);
}
