// The edge worker in workerd, next to a worker that only passes on and to one that signs and checks nothing.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CF_HEADER, PROTO_HEADER, startWorker } from "./edge-bundle.ts";
import { AUDIENCE, type Fixture, HOST, ISSUER, makeFixture, PATH } from "./fixture.ts";
import type { LoadedEvent } from "./load.ts";
import { makeFolder, startServer } from "./processes.ts";
import { type Report, summarize, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";

interface Candidate {
  readonly name: string;
  /** A module of bench/edge-workers/; ours when left out. */
  readonly worker?: string;
  readonly define?: Readonly<Record<string, string>>;
}

const WORKERS: readonly Candidate[] = [
  { name: "countersign" },
  { name: "pass-through", worker: "pass-through" },
  { name: "naive signer", worker: "naive" },
  // Log lines formatted and then dropped: the difference is what printing them costs.
  { name: "countersign, unprinted", define: { "console.log": "Boolean" } },
];
const TARGETS = [
  { against: "pass-through", ratio: 1.25 },
  { against: "naive signer", ratio: 1 },
];

export async function benchEdge(volume: Volume): Promise<Report> {
  const fixture = await makeFixture();
  const subjects = await startAll(fixture);
  const samples = await measureRounds(subjects, volume, (count) => Array<LoadedEvent>(count).fill(makeEvent(fixture)));
  return summarize("edge", volume, samples, TARGETS);
}

async function startAll({ policy, signingKey }: Fixture): Promise<Subject[]> {
  const folder = makeFolder();
  const policyFile = join(folder, "policy.json");
  writeFileSync(policyFile, JSON.stringify(policy));
  const origin = await startServer("accept-all", {});
  const bindings = {
    HOSTS: [HOST],
    ISSUER,
    AUDIENCE,
    ORIGIN_URL: origin.url,
    SIGNING_KEYS: JSON.stringify({ keys: [signingKey] }),
  };
  return Promise.all(
    WORKERS.map(async ({ name, worker, define }, index) => ({
      name,
      ...(await startWorker({
        ...(worker !== undefined && { main: fileURLToPath(new URL(`edge-workers/${worker}.ts`, import.meta.url)) }),
        ...(define !== undefined && { define }),
        policyFile,
        bindings,
        folder: join(folder, String(index)),
      })),
    })),
  );
}

function makeEvent({ headers, body, tlsClientAuth }: Fixture): LoadedEvent {
  return {
    path: PATH,
    headers: { ...headers, [PROTO_HEADER]: "https", [CF_HEADER]: JSON.stringify({ tlsClientAuth }) },
    body,
  };
}
