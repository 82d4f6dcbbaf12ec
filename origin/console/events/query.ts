// Reads from a URL which events the list shows.

import { type EventState, type NewestQuery, ROUTE_NAME } from "../../inbox/inbox.ts";

export const STATES = ["waiting", "leased", "done", "dead"] as const satisfies readonly EventState[];
export const PAGE_EVENTS = 50;
/** The largest length of a parameter's value. It is longer than any id, key, route or name. */
const MAX_VALUE_CHARACTERS = 1024;
/** The members of a query that select events. Links contain only these members. */
const NAMES = ["state", "sender", "route", "text", "since", "until", "conflict"] as const;

type Name = (typeof NAMES)[number];

export interface EventQuery {
  /** The values of the parameters, as they are written in the URL. Empty values are left out. */
  readonly given: Readonly<Partial<Record<Name, string>>>;
  readonly query: NewestQuery;
  /** The problems of the query. If there are any, the list of events is empty. */
  readonly problems: readonly string[];
}

/** Reads the query of a URL. `now` is in Unix seconds. */
export function readEventQuery(parameters: URLSearchParams, now: number, limit = PAGE_EVENTS): EventQuery {
  const given = readGiven(parameters);
  const { state, sender, route, text } = given;
  const [since, until] = [given.since, given.until].map((moment) =>
    moment === undefined ? undefined : parseMoment(moment, now),
  );
  const before = parameters.get("before") ?? "";
  const isPlace = /^\d{1,15}$/.test(before);
  return {
    given,
    query: {
      ...{ state: state as EventState | undefined, sender, route, text, since, until, limit },
      hasConflict: given.conflict === undefined ? undefined : true,
      before: isPlace ? Number(before) : undefined,
    },
    problems: [
      ...findProblems(given),
      ...findTimeProblems(given, { since, until }),
      ...(isPlace || before === "" ? [] : ["before is no place in the list"]),
    ],
  };
}

function readGiven(parameters: URLSearchParams): EventQuery["given"] {
  const entries = NAMES.flatMap((name) => {
    const value = parameters.get(name)?.trim() ?? "";
    return value === "" ? [] : [[name, value] as const];
  });
  return Object.fromEntries(entries);
}

function findProblems(given: EventQuery["given"]): string[] {
  const { state, route } = given;
  const unusable = Object.entries(given).filter(
    ([, value]) => value.length > MAX_VALUE_CHARACTERS || value.includes("\0"),
  );
  return [
    ...unusable.map(([name]) => `${name} is not a usable text`),
    ...(state === undefined || STATES.some((one) => one === state) ? [] : [`state is none of ${STATES.join(", ")}`]),
    ...(route === undefined || ROUTE_NAME.test(route)
      ? []
      : ["route is no path like /hooks/acme, nor a prefix like /hooks/*"]),
  ];
}

type Times<T> = { readonly [name in "since" | "until"]?: T | undefined };

/**
 * Finds the problems of the times `since` and `until`. `given` has the times as they are written in the URL. `read` has the results
 * of `parseMoment()`.
 */
export function findTimeProblems(given: Times<string>, read: Times<number>): string[] {
  const wrong = (["since", "until"] as const).filter((name) => given[name] !== undefined && read[name] === undefined);
  const { since, until } = read;
  return [
    ...wrong.map((name) => `${name} is no time like 2026-11-30T08:00 (UTC), nor a duration like 12h or 7d`),
    ...(since !== undefined && until !== undefined && since >= until ? ["until is not after since"] : []),
  ];
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };

/** Returns the Unix seconds for a time in UTC, or for a duration before `now`. */
export function parseMoment(text: string, now: number): number | undefined {
  const [, number, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (number !== undefined) return Math.max(0, now - Number(number) * (UNIT_SECONDS[unit] ?? 0));
  const [, date, time = "00:00"] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?(?:Z| ?UTC)?$/.exec(text) ?? [];
  const milliseconds = Date.parse(`${date}T${time}Z`);
  return Number.isNaN(milliseconds) ? undefined : Math.floor(milliseconds / 1000);
}

/** Returns the parameters of a link to a list with the same filters. */
export function toParameters(given: EventQuery["given"], more: Readonly<Record<string, string>> = {}): URLSearchParams {
  return new URLSearchParams({ ...given, ...more } as Record<string, string>);
}
