// Done events in PostgreSQL that go to the handler again, in one transaction, beside which no other changes what is to be done.

import type { Rerun, RerunOptions } from "../inbox.ts";
import { findRange } from "./event-pages.ts";
import type { PostgresPool } from "./postgres-pool.ts";
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
import type { Row } from "./rows.ts";

export function rerunPostgres(pool: PostgresPool, clock: () => number, options: RerunOptions): Promise<Rerun> {
  const { filter, isTrial } = options;
  const byId = options.ids !== undefined;
  return pool.transact(async (client) => {
    const ask = async (text: string, values: readonly unknown[] = []) =>
      (await client.queryPatiently(text, values)).rows as readonly Row[];
    // An order key has a lock of its own, and a hundred thousand of them are more than a server has room for.
    if (!isTrial) await ask("LOCK TABLE work IN EXCLUSIVE MODE");
    const isTimed = filter?.since !== undefined || filter?.until !== undefined;
    const range = isTimed ? await findRange(ask, filter) : undefined;
    const now = clock();
    await ask(chosenTable("$"));
    for (const which of whichOf(options)) {
      const { text, values } = selectChosen(which, range, "$");
      await ask(text, values);
    }
    const rerun = toRerun((await ask(COUNT_CHOSEN))[0] ?? {}, { byId });
    await ask(leaveOut({ byId }));
    requireRunnable(rerun, (await ask(selectOvertaken(now)))[0]);
    if (!isTrial) await ask(updateChosen(now));
    return rerun;
  });
}
