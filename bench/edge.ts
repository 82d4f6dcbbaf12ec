// Measures the edge worker in workerd, and next to it workers that only pass requests on, or that sign without a check.

import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import {
  CF_HEADER,
  PROTO_HEADER,
  prepareWorker,
  startInspectedWorker,
  startWorker,
  type WorkerSource,
} from "./edge-bundle.ts";
import { AUDIENCE, type Fixture, HOST, ISSUER, makeFixture, PATH } from "./fixture.ts";
import type { LoadedEvent } from "./load.ts";
import { makeFolder, startServer } from "./processes.ts";
import { type Report, summarize, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";

export interface Candidate {
  readonly name: string;
  /** A module of bench/edge-workers/. Default: our worker. */
  readonly worker?: string;
  /** Another checkout of this project, whose worker is used. */
  readonly tree?: string;
  readonly define?: Readonly<Record<string, string>>;
}

export const OURS: Candidate = { name: "countersign" };
export const FLOOR: Candidate = { name: "floor", worker: "floor" };
const CANDIDATES: readonly Candidate[] = [
  OURS,
  { name: "pass-through", worker: "pass-through" },
  FLOOR,
  { name: "naive signer", worker: "naive" },
  // Formats log lines, but does not print them. The difference is the cost of printing.
  {
    name: "countersign, unprinted",
    define: { "console.log": "Boolean", "console.warn": "Boolean", "console.error": "Boolean" },
  },
];
const TARGETS = [
  { against: "pass-through", ratio: 1.5 },
  { against: "naive signer", ratio: 1 },
];
/** For information only: the part above 1 is everything that we do besides the hash and the signature. */
const COMPARED = [{ against: FLOOR.name }];

export async function benchEdge(volume: Volume): Promise<Report> {
  const { event, start } = await prepareEdge();
  const subjects: Subject[] = await Promise.all(
    CANDIDATES.map(async (candidate) => ({ name: candidate.name, ...(await start(candidate)) })),
  );
  const samples = await measureRounds(subjects, volume, (count) => Array<LoadedEvent>(count).fill(event));
  return summarize("edge", volume, samples, [...TARGETS, ...COMPARED]);
}

/** An event, and functions that start a candidate. Every candidate accepts the event. The origin behind it accepts everything. */
export async function prepareEdge() {
  const fixture = await makeFixture();
  const folder = makeFolder();
  const policyFile = join(folder, "policy.json");
  writeFileSync(policyFile, JSON.stringify(fixture.policy));
  const origin = await startServer("accept-all", {});
  const bindings = {
    HOSTS: [HOST],
    ISSUER,
    AUDIENCE,
    ORIGIN_URL: origin.url,
    SIGNING_KEYS: JSON.stringify({ keys: [fixture.signingKey] }),
  };
  const sourceOf = ({ name, worker, tree, define }: Candidate): WorkerSource => ({
    ...(tree !== undefined && { main: resolve(tree, "worker/index.ts") }),
    ...(worker !== undefined && { main: fileURLToPath(new URL(`edge-workers/${worker}.ts`, import.meta.url)) }),
    ...(define !== undefined && { define }),
    policyFile,
    bindings,
    folder: join(folder, name),
  });
  return {
    event: makeEvent(fixture),
    start: (candidate: Candidate) => startWorker(sourceOf(candidate)),
    prepare: (candidate: Candidate, isolates: number) => prepareWorker({ ...sourceOf(candidate), isolates }),
    startInspected: (candidate: Candidate) => startInspectedWorker(sourceOf(candidate)),
  };
}

function makeEvent({ headers, body, tlsClientAuth }: Fixture): LoadedEvent {
  return {
    path: PATH,
    headers: { ...headers, [PROTO_HEADER]: "https", [CF_HEADER]: JSON.stringify({ tlsClientAuth }) },
    body,
  };
}
