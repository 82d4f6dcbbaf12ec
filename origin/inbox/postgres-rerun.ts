// Done events in PostgreSQL that go to the handler again, in one transaction, beside which no other changes what is to be done.

import type { Rerun, RerunOptions } from "../inbox.ts";
import { type Ask, findTimeRange } from "./event-pages.ts";
import type { PostgresPool } from "./postgres-pool.ts";
import { rerunSteps } from "./rerun.ts";

export function rerunPostgres(pool: PostgresPool, clock: () => number, options: RerunOptions): Promise<Rerun> {
  return pool.transact(async (client) => {
    const ask: Ask = async (text, values) => (await client.queryPatiently(text, values)).rows;
    // An order key has a lock of its own, and a hundred thousand of them are more than a server has room for.
    if (!options.isTrial) await ask("LOCK TABLE work IN EXCLUSIVE MODE", []);
    const steps = rerunSteps(options, await findTimeRange(ask, options.filter), "$", clock());
    let step = steps.next();
    while (!step.done) step = steps.next(await ask(step.value.text, step.value.values));
    return step.value;
  });
}
