// Parses the options that select events. The commands `list`, `export` and `run` have the same filters.

import { type EventFilter, type EventState, ROUTE_NAME } from "../../origin/inbox/inbox.ts";
import { parseTime } from "../arguments/times.ts";
import { parseChoice } from "../arguments/values.ts";
import { UsageError } from "../command.ts";
import type { Values } from "./options.ts";

export const FILTER_OPTIONS = ["since", "until", "route", "sender", "key", "state", "conflict"] as const;

/** @throws UsageError */
export function parseFilter(values: Values, limit: number): EventFilter {
  const { sender, route, key } = values;
  const { since, until } = parseTimes(values);
  if (route !== undefined && !ROUTE_NAME.test(route))
    throw new UsageError(`--route ${route} is no path like /hooks/acme, nor a prefix like /hooks/*`);
  return {
    ...{ state: parseState(values.state), sender, since, until, route, eventKey: key, limit },
    hasConflict: values.conflict ? true : undefined,
  };
}

/** Returns the times of `--since` and `--until` in Unix seconds. @throws UsageError */
export function parseTimes(values: Values): Pick<EventFilter, "since" | "until"> {
  const now = Math.floor(Date.now() / 1000);
  const [since, until] = (["since", "until"] as const).map((name) => {
    const text = values[name];
    return text === undefined ? undefined : parseTime(text, name, now);
  });
  if (since !== undefined && until !== undefined && since >= until)
    throw new UsageError(`--until ${values.until} is not after --since ${values.since}`);
  return { since, until };
}

function parseState(text: string | undefined): EventState | undefined {
  return text === undefined ? undefined : parseChoice("--state", text, ["waiting", "leased", "done", "dead"]);
}
