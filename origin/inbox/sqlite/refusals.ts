// Stores refusals in one SQLite file. A batch of refusals shares its commit with other writes that arrive at the same time.

import type { DatabaseSync } from "node:sqlite";
import type { Ask } from "../events/pages.ts";
import type { Steps } from "../refusals/kinds.ts";
import { refusalReaderOf } from "../refusals/read.ts";
import type { RefusalStock, RefusalStore } from "../refusals/refusals.ts";
import { SELECT_STOCK } from "../refusals/rows.ts";
import { addSteps, pruneSteps } from "../refusals/write.ts";
import { promising } from "./reader.ts";
import type { SqliteWriter } from "./writer.ts";

export function sqliteRefusals(database: DatabaseSync, writer: SqliteWriter, ask: Ask): RefusalStore {
  const stock = database.prepare(SELECT_STOCK);
  return {
    ...refusalReaderOf(ask, "?"),
    add: (batch, limits) => writer.write(() => runSteps(database, addSteps(batch, limits, "?"))),
    stock: promising((): RefusalStock => {
      const row = stock.get();
      return { refusals: Number(row?.["refusals"]), bytes: Number(row?.["bytes"]) };
    }),
  };
}

/** Deletes old refusals within a transaction. `before` is in Unix milliseconds. Returns the number of deleted rows. */
export function pruneSqliteRefusals(database: DatabaseSync, before: number, limit: number): number {
  return runSteps(database, pruneSteps(before, limit));
}

function runSteps(database: DatabaseSync, steps: Steps<number>): number {
  let step = steps.next();
  while (!step.done) step = steps.next(database.prepare(step.value.text).all(...step.value.values));
  return step.value;
}
