// Profiles the CPU time of an event in workerd by part of the code: for our edge, and for a minimal worker that only signs.

import { FLOOR, OURS, prepareEdge } from "./edge.ts";
import { recordProfile } from "./inspector.ts";
import { sendAll } from "./load.ts";
import { type Parts, splitProfile } from "./profile-parts.ts";

const EVENTS = 12_000;
/** The number of events before the profile begins. After these events, the optimising compilers have finished. */
const WARM_UP_EVENTS = 6_000;
/** If parts of the code take less time than this, they are shown as one sum. */
const SHOWN_MICROSECONDS = 0.5;

/** Prints microseconds per event, the most expensive part first. */
export async function profileEdge(): Promise<void> {
  const { event, startInspected } = await prepareEdge();
  for (const candidate of [OURS, FLOOR]) {
    const { url, inspector, bundle } = await startInspected(candidate);
    const send = (count: number) => sendAll(url, Array(count).fill(event));
    await send(WARM_UP_EVENTS);
    const profile = await recordProfile(inspector, () => send(EVENTS));
    console.log(formatParts(candidate.name, splitProfile(profile, bundle)));
  }
}

function formatParts(name: string, parts: Parts): string {
  const rows = Array.from(parts, ([part, microseconds]) => [part, microseconds / EVENTS] as const);
  const shown = rows.filter(([, each]) => each >= SHOWN_MICROSECONDS).sort(([, a], [, b]) => b - a);
  const total = rows.reduce((sum, [, each]) => sum + each, 0);
  const rest = shown.reduce((sum, [, each]) => sum - each, total);
  const lines = [...shown, ["all others", rest] as const, ["in all", total] as const];
  return [
    `${name}: µs per event, of ${EVENTS} events`,
    ...lines.map(([part, each]) => `${each.toFixed(1).padStart(8)}  ${part}`),
    "",
  ].join("\n");
}
