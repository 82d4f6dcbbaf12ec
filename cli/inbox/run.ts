// `countersign inbox run` gives done events to the handler again, after the user has seen and confirmed their number.

import { createInterface } from "node:readline/promises";
import { messageOf } from "../../core/failure-chain.ts";
import type { Inbox, Rerun, RerunOptions } from "../../origin/inbox/inbox.ts";
import { UsageError } from "../command.ts";
import { complain, print } from "../output.ts";
import { FILTER_OPTIONS, parseFilter } from "./filter.ts";
import { openToChange, readFrom, type Values } from "./options.ts";

/** `state` is no filter here, because only done events can run again. */
export const RUN_FILTERS = FILTER_OPTIONS.filter((name) => name !== "state");

/** Returns 1 if no event was handed over, or if one of the named events is not done. The other events are still handed over. */
export async function runAgain(values: Values, ids: readonly string[]): Promise<number> {
  const options = parseWhich(values, ids);
  // The inbox is opened for reading first, so that a mistyped name creates no new inbox.
  await readFrom(values, () => Promise.resolve());
  const inbox = await openToChange(values);
  try {
    const passedOver = await tellUndone(inbox, ids);
    const trial = await rerun(inbox, { ...options, isTrial: true });
    if (trial.events === 0 || !(await isConfirmed(values, trial))) return tell(values, { ...trial, isRun: false });
    const done = await rerun(inbox, { ...options, isTrial: false });
    return tell(values, { ...done, isRun: true }) || (passedOver ? 1 : 0);
  } finally {
    await inbox.close();
  }
}

function parseWhich(values: Values, ids: readonly string[]): Omit<RerunOptions, "isTrial"> {
  const isFiltered = RUN_FILTERS.some((name) => values[name] !== undefined && values[name] !== false);
  if (ids.length > 0 && isFiltered) throw new UsageError("inbox run takes ids or filters, not both");
  if (ids.length > 0) return { ids };
  if (!isFiltered)
    throw new UsageError("name the ids of events, or select events by --since, --sender or another filter");
  return { filter: parseFilter(values, 1) };
}

/** Reports each event that is not done. Returns true if there is such an event. */
async function tellUndone(inbox: Inbox, ids: readonly string[]): Promise<boolean> {
  let found = false;
  for (const id of ids) {
    const state = (await inbox.event(id))?.state;
    if (state === "done") continue;
    complain(`countersign: ${state === undefined ? `there is no event ${JSON.stringify(id)}` : `${id} is ${state}`}`);
    found = true;
  }
  return found;
}

async function rerun(inbox: Inbox, options: RerunOptions): Promise<Rerun> {
  return await inbox.rerun(options).catch((error: unknown) => {
    throw new UsageError(messageOf(error));
  });
}

async function isConfirmed(values: Values, trial: Rerun): Promise<boolean> {
  if (values.yes) return true;
  const what = describe(trial);
  if (!process.stdin.isTTY) throw new UsageError(`${what}: give --yes to hand them to the handler again`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${what}: hand them to the handler again? [y/N] `);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function tell(values: Values, rerun: Rerun & { readonly isRun: boolean }): number {
  if (values.json) print([JSON.stringify(rerun)]);
  else print([`${describe(rerun)}${rerun.isRun ? ": they wait for the handler again" : ": nothing was changed"}`]);
  return rerun.isRun ? 0 : 1;
}

function describe({ events, erased, dropped }: Rerun): string {
  const left = [
    ...(erased > 0 ? [`${erased} whose body is erased`] : []),
    ...(dropped > 0 ? [`${dropped} that were dropped, not handled`] : []),
  ];
  return `${events} done ${events === 1 ? "event" : "events"}${left.length > 0 ? ` (without ${left.join(" and ")})` : ""}`;
}
