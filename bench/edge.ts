// Measures the edge worker in workerd, next to workers that only pass requests on, or that sign without any check.

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
  /** The name of a module in bench/edge-workers/. The default is our worker. */
  readonly worker?: string;
  /** The folder of another checkout of this project. If it is given, the worker of that checkout is measured. */
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
  // This candidate formats log lines, but does not print them. The difference to our worker is the cost of printing.
  {
    name: "countersign, unprinted",
    define: { "console.log": "Boolean", "console.warn": "Boolean", "console.error": "Boolean" },
  },
];
const TARGETS = [
  { against: "pass-through", ratio: 1.5 },
  { against: "naive signer", ratio: 1 },
];
/**
 * A comparison without a limit. The floor worker only hashes, signs and passes the request on. If the ratio is 1.5, for example,
 * all other work of our worker costs half as much as the floor worker.
 */
const COMPARED = [{ against: FLOOR.name }];

export async function benchEdge(volume: Volume): Promise<Report> {
  const { event, start } = await prepareEdge();
  const subjects: Subject[] = await Promise.all(
    CANDIDATES.map(async (candidate) => ({ name: candidate.name, ...(await start(candidate)) })),
  );
  const samples = await measureRounds(subjects, volume, (count) => Array<LoadedEvent>(count).fill(event));
  return summarize("edge", volume, samples, [...TARGETS, ...COMPARED]);
}

/**
 * Returns an event, and functions that start a candidate. Every candidate accepts the event. The origin behind the candidate
 * accepts every request.
 */
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
