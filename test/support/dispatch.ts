// Stores and dispatches events in this process, with real inbox files.

import type { Delivery } from "../../core/delivery/delivery.ts";
import type { LogLine } from "../../core/log-line.ts";
import { Dispatcher } from "../../origin/dispatch/dispatcher.ts";
import type { Handler } from "../../origin/dispatch/handler.ts";
import type { DispatchLimits } from "../../origin/dispatch/limits.ts";
import type { EventState, Inbox } from "../../origin/inbox/inbox.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { deliveryOf } from "./inbox.ts";
import { LogLines } from "./log-lines.ts";

export const SENDER = "acme";

/**
 * Limits with which a dispatcher polls often and retries soon. Deadlines and leases have their normal length, because short ones
 * could end too early on a slow machine.
 */
export const QUICK: Partial<DispatchLimits> = {
  pollMilliseconds: 50,
  firstRetryMilliseconds: 20,
  maxRetryMilliseconds: 100,
};

export async function store(inbox: Inbox, id: string, more: Partial<Delivery> = {}): Promise<void> {
  const delivery = { ...deliveryOf({ id, sender: SENDER }), ...more } as Delivery;
  await inbox.accept(delivery, { issuer: "direct", jti: id, expires: 0 });
}

export interface Dispatching {
  readonly dispatcher: Dispatcher;
  readonly inbox: Inbox;
  readonly lines: LogLines;
}

/** Starts a dispatcher with its own connection to the file. */
export function dispatch(
  stack: AsyncDisposableStack,
  file: string,
  handler: Handler,
  limits: Partial<DispatchLimits> = {},
  clock: () => number = Date.now,
): Dispatching {
  return dispatchFrom(stack, openSqliteInbox(file, { clock }), handler, limits, clock);
}

/** Starts a dispatcher with an open inbox. The inbox is closed together with the dispatcher. */
export function dispatchFrom(
  stack: AsyncDisposableStack,
  inbox: Inbox,
  handler: Handler,
  limits: Partial<DispatchLimits> = {},
  clock: () => number = Date.now,
): Dispatching {
  const lines = new LogLines();
  const log = (line: LogLine) => lines.push(line);
  const dispatcher = new Dispatcher({ work: inbox.work, handler, log, limits: { ...QUICK, ...limits }, clock });
  stack.defer(async () => {
    await dispatcher.stop(0);
    await inbox.close().catch(() => {});
  });
  dispatcher.start();
  return { dispatcher, inbox, lines };
}

export async function stateOf(inbox: Inbox, id: string): Promise<EventState | undefined> {
  return (await inbox.event(id))?.state;
}

export async function idsIn(inbox: Inbox, state: EventState): Promise<string[]> {
  return (await inbox.events({ state, limit: 10_000 })).map(({ id }) => id).sort();
}
