// Describes an event for the console: as JSON for programs, and in words for the pages.

import type { EventWork, ListedEvent } from "../../inbox/inbox.ts";
import { badge, type Html, isoOf, type Tone } from "../show.ts";

const TONES: Readonly<Record<EventWork["state"], Tone>> = {
  waiting: "busy",
  leased: "busy",
  done: "good",
  dead: "bad",
};
const WORDS: Readonly<Record<EventWork["state"], string>> = {
  waiting: "waiting",
  leased: "in work",
  done: "done",
  dead: "dead",
};

export function stateBadge({ state, attempts, reason }: EventWork): Html {
  if (state === "waiting" && attempts > 0) return badge("warn", "retrying");
  // A done event has a reason only if an operator dropped it.
  if (state === "done" && reason !== undefined) return badge("calm", "dropped");
  return badge(TONES[state], WORDS[state]);
}

/** Returns the members of an event for a list in JSON. The body and the headers are left out. */
export function describeEvent(event: ListedEvent) {
  const { id, state, sender, acceptedAt, attempts, reason, request, bodyBytes, eventKey, orderKey } = event;
  const { finishedAt, dueAt, hasConflict, duplicates, reruns } = event;
  return {
    ...{ id, state, sender, acceptedAt: isoOf(acceptedAt), attempts, reason },
    ...(finishedAt === undefined ? { dueAt: new Date(dueAt).toISOString() } : { finishedAt: isoOf(finishedAt) }),
    ...request,
    ...{ bodyBytes, eventKey, orderKey, hasConflict, duplicates, reruns },
  };
}

/** Formats an event key for people. If the key has only one part, returns the text of that part. */
export function formatKey(key: string | undefined): string {
  if (key === undefined) return "";
  try {
    const parts: unknown = JSON.parse(key);
    return Array.isArray(parts) && parts.length === 1 ? String(parts[0]) : key;
  } catch {
    return key;
  }
}
