// Stored events as lines: a table for people, JSON for machines.

import { escapeControls } from "../core/shown-text.ts";
import type { EventWork, StoredEvent } from "../origin/inbox.ts";

type Facts = Omit<StoredEvent, "body"> &
  EventWork & { readonly bodyBytes?: number; readonly body?: StoredEvent["body"] };

/** The members of a line of `list`. */
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

const WIDTHS = [36, 8, 20, 20, 8, 24] as const;
export const HEADINGS = formatCells(["id", "state", "sender", "accepted", "attempts", "due or finished", "reason"]);

export function formatRow(event: Facts): string {
  const { id, state, sender, acceptedAt, attempts, dueAt, finishedAt, reason } = {
    dueAt: undefined,
    finishedAt: undefined,
    ...describeEvent(event),
  };
  return formatCells([id, state, sender, acceptedAt, String(attempts), dueAt ?? finishedAt ?? "", reason ?? ""]);
}

function formatCells(cells: readonly string[]): string {
  return cells
    .map((cell, index) => escapeControls(cell).padEnd(WIDTHS[index] ?? 0))
    .join("  ")
    .trimEnd();
}

/** Everything but the body, line by line. */
export function formatEvent(event: StoredEvent & EventWork): string[] {
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
    ...lines.map(([name, value]) => `${name.padEnd(18)}  ${value}`),
    "",
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
}

function formatSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}
