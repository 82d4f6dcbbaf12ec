// What an operator can do about events: retry, drop, run again. Which events are meant stands in the confirmed form, so that exactly
// those are changed that were shown.

import { messageOf } from "../../core/failure-chain.ts";
import type { EventState, ListedEvent } from "../inbox/inbox.ts";
import type { Setting, View } from "./context.ts";
import { type EventQuery, readEventQuery } from "./events/query.ts";

export const ACTIONS = ["retry", "drop", "run"] as const;
export type Action = (typeof ACTIONS)[number];

/** At most this number in one action; the rest in the next. */
export const MAX_CHANGED_EVENTS = 1_000;
/** Pages of a search that are read for one action. */
const MAX_PAGES = 50;
/** Ids in the log line. */
const LOGGED_IDS = 20;

const STATES_OF: Readonly<Record<Action, readonly EventState[]>> = {
  retry: ["waiting", "dead"],
  drop: ["waiting", "dead"],
  run: ["done"],
};

/** The events that an action is asked for. */
export interface Choice {
  /** Those that the action can change, the newest first. */
  readonly events: readonly Pick<ListedEvent, "id" | "sender" | "acceptedAt" | "state" | "request">[];
  /** Events that were asked for and are in another state. Only counted for ids. */
  readonly skipped: number;
  /** Whether more events match than one action takes. */
  readonly hasMore: boolean;
  readonly problems: readonly string[];
  readonly given: EventQuery["given"];
}

/** Reads the events of a query: an `id`, or the filters of the list. */
export async function choose(view: View, action: Action): Promise<Choice> {
  const ids = view.url.searchParams.getAll("id");
  if (ids.length > 0) return await chooseByIds(view, action, ids.slice(0, MAX_CHANGED_EVENTS));
  const { query, given, problems } = readEventQuery(view.url.searchParams, view.now, MAX_CHANGED_EVENTS);
  if (problems.length > 0) return { events: [], skipped: 0, hasMore: false, problems, given };
  const states = STATES_OF[action].filter((state) => query.state === undefined || query.state === state);
  const found: ListedEvent[] = [];
  let hasMore = false;
  for (const state of states) {
    let before: number | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const { events, next } = await view.setting.inbox.newest({ ...query, state, before });
      found.push(...events.filter((event) => isMeant(event, action)));
      hasMore ||= next !== undefined && (found.length >= MAX_CHANGED_EVENTS || page === MAX_PAGES - 1);
      if (next === undefined || found.length >= MAX_CHANGED_EVENTS) break;
      before = next;
    }
  }
  const events = found.sort((a, b) => b.sequence - a.sequence).slice(0, MAX_CHANGED_EVENTS);
  return { events, skipped: 0, hasMore: hasMore || events.length < found.length, problems, given };
}

/** What an operator dropped was never handled: a filter does not mean it, an id does. */
function isMeant({ reason }: ListedEvent, action: Action): boolean {
  return action !== "run" || reason === undefined;
}

async function chooseByIds(view: View, action: Action, ids: readonly string[]): Promise<Choice> {
  const events: Choice["events"][number][] = [];
  const asked = new Set(ids);
  // One after the other, and without their bodies: a thousand of these would not fit into memory.
  for (const id of asked) {
    const event = await view.setting.inbox.event(id);
    if (event === undefined || !STATES_OF[action].includes(event.state)) continue;
    const { sender, acceptedAt, state, request } = event;
    events.push({ id, sender, acceptedAt, state, request });
  }
  return { events, skipped: asked.size - events.length, hasMore: false, problems: [], given: {} };
}

export interface Outcome {
  readonly changed: number;
  /** Events that are in another state by now, or gone. */
  readonly unchanged: number;
  /** Why nothing was changed. */
  readonly problem: string | undefined;
}

/** Changes the events and writes the line of the audit. */
export async function act(view: View, action: Action, ids: readonly string[], reason: string): Promise<Outcome> {
  const { setting, visitor } = view;
  const outcome = action === "run" ? await runAgain(setting, ids) : await changeEach(setting, action, ids, reason);
  setting.log({
    decision: "action",
    action,
    ...outcome,
    ...(action === "drop" && { reason }),
    by: visitor.name ?? visitor.role,
    ids: ids.slice(0, LOGGED_IDS),
    ...(ids.length > LOGGED_IDS && { furtherIds: ids.length - LOGGED_IDS }),
  });
  return outcome;
}

/** All or none. */
async function runAgain({ inbox }: Setting, ids: readonly string[]): Promise<Outcome> {
  try {
    const { events } = await inbox.rerun({ ids, isTrial: false });
    return { changed: events, unchanged: ids.length - events, problem: undefined };
  } catch (error) {
    return { changed: 0, unchanged: ids.length, problem: messageOf(error) };
  }
}

async function changeEach(
  { inbox }: Setting,
  action: "retry" | "drop",
  ids: readonly string[],
  reason: string,
): Promise<Outcome> {
  let changed = 0;
  try {
    for (const id of ids) if (await (action === "retry" ? inbox.retryNow(id) : inbox.drop(id, reason))) changed += 1;
  } catch (error) {
    return { changed, unchanged: ids.length - changed, problem: messageOf(error) };
  }
  return { changed, unchanged: ids.length - changed, problem: undefined };
}
