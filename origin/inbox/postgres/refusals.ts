// Stores refusals in PostgreSQL. Only one origin writes at a time, so that each origin counts what the others have stored, and the
// limits hold.

import type { Ask } from "../events/pages.ts";
import type { Steps } from "../refusals/kinds.ts";
import { refusalReaderOf } from "../refusals/read.ts";
import type { RefusalStore } from "../refusals/refusals.ts";
import { SELECT_STOCK } from "../refusals/rows.ts";
import { addSteps, pruneSteps } from "../refusals/write.ts";
import { lockNumber, type PostgresPool } from "./pool.ts";

export function postgresRefusals(pool: PostgresPool, ask: Ask): RefusalStore {
  return {
    ...refusalReaderOf(ask, "$"),
    add: (batch, limits) => runSteps(pool, () => addSteps(batch, limits, "$")),
    async stock() {
      const { rows } = await pool.query(SELECT_STOCK);
      return { refusals: Number(rows[0]?.["refusals"]), bytes: Number(rows[0]?.["bytes"]) };
    },
  };
}

/** Deletes old refusals. `before` is in Unix milliseconds. Returns the number of deleted rows. */
export function prunePostgresRefusals(pool: PostgresPool, before: number, limit: number): Promise<number> {
  return runSteps(pool, () => pruneSteps(before, limit));
}

/** Runs the steps in one transaction. If the transaction is run again, `begin` makes the steps again from the first one. */
function runSteps(pool: PostgresPool, begin: () => Steps<number>): Promise<number> {
  return pool.transact(async (client) => {
    const steps = begin();
    await client.query("SELECT pg_advisory_xact_lock($1)", [lockNumber("refusals")]);
    let step = steps.next();
    // The statements are not prepared, because nearly every text is different.
    while (!step.done) step = steps.next((await client.queryPatiently(step.value.text, step.value.values)).rows);
    return step.value;
  });
}
