// The actions of an operator on events: retry, drop, run again. The form that the operator confirms has the ids of the events, so
// that exactly the events on the page are changed.

import { messageOf } from "../../core/failure-chain.ts";
import type { EventState, ListedEvent } from "../inbox/inbox.ts";
import type { Setting, View } from "./context.ts";
import { type EventQuery, readEventQuery } from "./events/query.ts";

export const ACTIONS = ["retry", "drop", "run"] as const;
export type Action = (typeof ACTIONS)[number];

/** The largest number of events in one action. The operator can change the rest with the next action. */
export const MAX_CHANGED_EVENTS = 1_000;
/** The largest number of result pages that one action reads. Each state of events gets the same share. */
const MAX_PAGES = 50;
/** The largest number of ids in the log line of an action. */
const LOGGED_IDS = 20;

const STATES_OF: Readonly<Record<Action, readonly EventState[]>> = {
  retry: ["waiting", "dead"],
  drop: ["waiting", "dead"],
  run: ["done"],
};

/** The events of a requested action. */
export interface Choice {
  /** The events that the action can change, the newest first. */
  readonly events: readonly Pick<ListedEvent, "id" | "sender" | "acceptedAt" | "state" | "request">[];
  /** The number of requested events that the action does not apply to. Counted only if the request has ids. */
  readonly skipped: number;
  /** True if more events may match than one action can change. */
  readonly hasMore: boolean;
  readonly problems: readonly string[];
  readonly given: EventQuery["given"];
}

/** Finds the events of a request. The query has either ids or the filters of the list. */
export async function choose(view: View, action: Action): Promise<Choice> {
  const ids = view.url.searchParams.getAll("id");
  if (ids.length > 0) return await chooseByIds(view, action, ids.slice(0, MAX_CHANGED_EVENTS));
  const { query, given, problems } = readEventQuery(view.url.searchParams, view.now, MAX_CHANGED_EVENTS);
  if (problems.length > 0) return { events: [], skipped: 0, hasMore: false, problems, given };
  const states = STATES_OF[action].filter((state) => query.state === undefined || query.state === state);
  const pages = Math.floor(MAX_PAGES / states.length);
  const found: ListedEvent[] = [];
  let hasMore = false;
  for (const state of states) {
    let before: number | undefined;
    for (let page = 0; page < pages; page += 1) {
      const { events, next } = await view.setting.inbox.newest({ ...query, state, before });
      found.push(...events.filter((event) => isMeant(event, action)));
      hasMore ||= next !== undefined && (found.length >= MAX_CHANGED_EVENTS || page === pages - 1);
      if (next === undefined || found.length >= MAX_CHANGED_EVENTS) break;
      before = next;
    }
  }
  const events = found.sort((a, b) => b.sequence - a.sequence).slice(0, MAX_CHANGED_EVENTS);
  return { events, skipped: 0, hasMore: hasMore || events.length < found.length, problems, given };
}

/**
 * Returns true if filters may select the event for this action. To run a dropped event again, an operator must name its id, because
 * a dropped event was never handled. Among done events, only a dropped event has a `reason`.
 */
function isMeant({ reason }: ListedEvent, action: Action): boolean {
  return action !== "run" || reason === undefined;
}

async function chooseByIds(view: View, action: Action, ids: readonly string[]): Promise<Choice> {
  const events: Choice["events"][number][] = [];
  const asked = new Set(ids);
  // The events are read one after the other, and their bodies are not kept, because a thousand bodies would not fit into memory.
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
  /** The number of events that were not changed, because meanwhile their state changed or they were deleted. */
  readonly unchanged: number;
  /** The reason why nothing was changed. */
  readonly problem: string | undefined;
}

/** Changes the events, and writes the log line of the action. */
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

/** Runs all of the events again, or none. */
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
