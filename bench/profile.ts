// Profiles the CPU time of an event by part of the code: of our edge in workerd, and of our origin and our listener in Node. Each is
// next to the programs with which its bench compares it.

import { prepareAssertedEvents } from "./assertions.ts";
import { FLOOR, OURS, prepareEdge } from "./edge.ts";
import { makeFixture } from "./fixture.ts";
import { recordProfile } from "./inspector.ts";
import { nodeListeners, onLocalhost, prepareListener } from "./listener.ts";
import { type LoadedEvent, sendAll, type TlsClient } from "./load.ts";
import { originSettings } from "./origin.ts";
import { startInspectedServer } from "./processes.ts";
import { indexBundle, type PartOf, type Parts, partOfModule, splitProfile } from "./profile-parts.ts";

const EVENTS = 12_000;
/** The number of events before the profile begins. After these events, the optimising compilers have finished. */
const WARM_UP_EVENTS = 6_000;
/** If parts of the code take less time than this, they are shown as one sum. */
const SHOWN_MICROSECONDS = 0.5;

interface Profiled {
  readonly name: string;
  readonly url: string;
  readonly inspector: string;
  readonly partOf: PartOf;
  readonly tls?: TlsClient;
}

/** Prints microseconds per event, the most expensive part first. */
export async function profileEdge(): Promise<void> {
  const { event, startInspected } = await prepareEdge();
  for (const candidate of [OURS, FLOOR]) {
    const { url, inspector, bundle } = await startInspected(candidate);
    const makeEvents = (count: number) => Array<LoadedEvent>(count).fill(event);
    await profile({ name: candidate.name, url, inspector, partOf: indexBundle(bundle) }, makeEvents);
  }
}

/** Does the same for the origin. The profile has the main thread alone: jose verifies its signatures on other threads. */
export async function profileOrigin(): Promise<void> {
  const fixture = await makeFixture();
  const makeEvents = await prepareAssertedEvents(fixture);
  for (const [name, module] of [
    ["countersign", "countersign"],
    ["hono + jwtVerify", "jwt-verify"],
  ] as const) {
    const { url, inspector } = await startInspectedServer(module, originSettings(fixture));
    await profile({ name, url, inspector, partOf: partInNode }, makeEvents);
  }
}

/** Does the same for the listener of an origin without an edge, with connections that are kept alive. */
export async function profileListener(): Promise<void> {
  const prepared = await prepareListener();
  const { client: tls, event } = prepared;
  const makeEvents = (count: number) => Array<LoadedEvent>(count).fill(event);
  for (const [name, module, settings] of nodeListeners(prepared)) {
    const { url, inspector } = await startInspectedServer(module, settings);
    await profile({ name, url: onLocalhost(url), inspector, partOf: partInNode, tls }, makeEvents);
  }
}

const partInNode: PartOf = ({ url }) => partOfModule(url) ?? url;

type MakeEvents = (count: number) => readonly LoadedEvent[] | Promise<readonly LoadedEvent[]>;

async function profile({ name, url, inspector, partOf, tls }: Profiled, makeEvents: MakeEvents): Promise<void> {
  await sendAll(url, await makeEvents(WARM_UP_EVENTS), tls);
  const events = await makeEvents(EVENTS);
  const recorded = await recordProfile(inspector, () => sendAll(url, events, tls));
  console.log(formatParts(name, splitProfile(recorded, partOf)));
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
