// Stored events as lines: a table for people, JSON for machines. Texts of senders and handlers steer no terminal.

import type { EventWork, StoredEvent } from "../origin/inbox.ts";

type Facts = Omit<StoredEvent, "body"> &
  EventWork & { readonly bodyBytes?: number; readonly body?: StoredEvent["body"] };

/** The members of a line of `list`. */
export function describeEvent(event: Facts) {
  const { id, state, sender, attempts, reason, request, contentDigest, eventKey, orderKey, hasConflict, duplicates } =
    event;
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
  };
}

/** One line of JSON in ASCII controls and no others. */
export function formatEventLine(document: object): string {
  return `${JSON.stringify(document).replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter)}\n`;
}

function escapeCharacter(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
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
  return `${cells
    .map((cell, index) => clean(cell).padEnd(WIDTHS[index] ?? 0))
    .join("  ")
    .trimEnd()}\n`;
}

/** Everything but the body. */
export function formatEvent(event: StoredEvent & EventWork): string {
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
    ...lines.map(([name, value]) => `${name.padEnd(18)}  ${clean(String(value))}\n`),
    "\n",
    ...headers.map(([name, value]) => `${clean(name)}: ${clean(value)}\n`),
  ].join("");
}

function formatSeconds(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

function clean(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "\ufffd");
}
