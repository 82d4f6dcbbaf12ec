// Formats stored events: a table for people, JSON for programs.

import type { EventWork, StoredEvent } from "../../origin/inbox/inbox.ts";
import type { Line, Shown } from "../output.ts";
import { bad, good, heading, type Row, tabulate } from "../table.ts";

type Facts = Omit<StoredEvent, "body"> &
  EventWork & { readonly bodyBytes?: number; readonly body?: StoredEvent["body"] };

/** Returns the members of one line of `list --json`. */
export function describeEvent(event: Facts) {
  const { id, state, sender, attempts, reason, request, contentDigest, eventKey, orderKey, hasConflict } = event;
  const { duplicates, reruns } = event;
  return {
    id,
    state,
    sender,
    acceptedAt: formatSeconds(event.acceptedAt),
    attempts,
    ...(event.finishedAt === undefined
      ? { dueAt: new Date(event.dueAt).toISOString() }
      : { finishedAt: formatSeconds(event.finishedAt) }),
    reason,
    method: request.method,
    target: request.target,
    contentType: request.contentType,
    bodyBytes: event.bodyBytes ?? event.body?.byteLength ?? 0,
    contentDigest,
    eventKey,
    orderKey,
    hasConflict,
    duplicates,
    reruns,
  };
}

const HEADINGS = ["id", "state", "sender", "accepted", "attempts", "due or finished", "reason"];

export function formatEvents(events: readonly Facts[]): Shown[] {
  return tabulate([HEADINGS.map(heading), ...events.map(rowOf)]);
}

function rowOf(event: Facts): Row {
  const { id, state, sender, acceptedAt, attempts, dueAt, finishedAt, reason } = {
    dueAt: undefined,
    finishedAt: undefined,
    ...describeEvent(event),
  };
  const shown = state === "dead" ? bad(state) : state === "done" ? good(state) : state;
  return [id, shown, sender, acceptedAt, String(attempts), dueAt ?? finishedAt ?? "", reason ?? ""];
}

/** Formats everything except the body, line by line. */
export function formatEvent(event: StoredEvent & EventWork): Line[] {
  const { certificate, factors, reliedOnEdge, headers, policyDigest, issuer } = event;
  const facts: readonly (readonly [string, unknown])[] = [
    ...Object.entries(describeEvent(event)),
    ["factors", factors.join(", ")],
    ["reliedOnEdge", reliedOnEdge.join(", ")],
    ["subject", certificate?.subject],
    ["certificate issuer", certificate?.issuer],
    ["serial", certificate?.serial],
    ["sha256", certificate?.sha256],
    ["accepted from", issuer],
    ["policy", policyDigest],
  ];
  const lines = facts.filter(([, value]) => value !== undefined && value !== "" && value !== false);
  return [
    ...tabulate(lines.map(([name, value]) => [name, String(value)])),
    "",
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
}

function formatSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
