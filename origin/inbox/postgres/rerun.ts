// Makes done events in PostgreSQL due again, in one transaction that locks the table `work`.

import { type Ask, findTimeRange } from "../events/pages.ts";
import type { Rerun, RerunOptions } from "../inbox.ts";
import { rerunSteps } from "../rerun.ts";
import type { PostgresPool } from "./pool.ts";

export function rerunPostgres(pool: PostgresPool, clock: () => number, options: RerunOptions): Promise<Rerun> {
  return pool.transact(async (client) => {
    const ask: Ask = async (text, values) => (await client.queryPatiently(text, values)).rows;
    // The whole table is locked. A lock for each order key would not work, because the server has no room for 100,000 locks.
    if (!options.isTrial) await ask("LOCK TABLE work IN EXCLUSIVE MODE", []);
    const steps = rerunSteps(options, await findTimeRange(ask, options.filter), "$", clock());
    let step = steps.next();
    while (!step.done) step = steps.next(await ask(step.value.text, step.value.values));
    return step.value;
  });
}
