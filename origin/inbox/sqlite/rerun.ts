// Makes done events of a SQLite inbox due again, in one transaction.

import type { DatabaseSync } from "node:sqlite";
import { findTimeRange } from "../events/pages.ts";
import type { Rerun, RerunOptions } from "../inbox.ts";
import { rerunSteps } from "../rerun.ts";
import type { SqliteWriter } from "./writer.ts";

const DROP = "DROP TABLE IF EXISTS temp.chosen";

export async function rerunSqlite(
  database: DatabaseSync,
  writer: SqliteWriter,
  clock: () => number,
  options: RerunOptions,
): Promise<Rerun> {
  const range = await findTimeRange((text) => Promise.resolve(database.prepare(text).all()), options.filter);
  return await writer.write(() => {
    database.exec(DROP);
    const steps = rerunSteps(options, range, "?", clock());
    let step = steps.next();
    while (!step.done) step = steps.next(database.prepare(step.value.text).all(...step.value.values));
    database.exec(DROP);
    return step.value;
  });
}
