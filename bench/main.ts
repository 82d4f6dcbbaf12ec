// npm run bench -- [edge|cold|origin|inbox|dispatch|listener|trust|factors|hostile|scale] [--rounds N] [--events N] [--json]: what Countersign costs, side by side with its peers in one run.
// npm run bench -- edge --profile: what an event costs at the edge, by part of the code.
// npm run bench -- cold --beside DIR: also the worker of another tree of this project.

import { parseArgs } from "node:util";
import { benchCold } from "./cold.ts";
import { benchDispatch } from "./dispatch.ts";
import { benchEdge } from "./edge.ts";
import { profileEdge } from "./edge-profile.ts";
import { benchFactors } from "./factors.ts";
import { benchHostile } from "./hostile.ts";
import { benchInbox } from "./inbox.ts";
import { benchListener } from "./listener.ts";
import { benchOrigin } from "./origin.ts";
import { formatReport, type Report, type Volume } from "./report.ts";
import { benchScale } from "./scale.ts";
import { benchTrust } from "./trust.ts";

const BENCHES: Readonly<Record<string, (volume: Volume) => Promise<Report | Report[]>>> = {
  edge: benchEdge,
  cold: ({ rounds }) => benchCold(rounds, values.beside),
  origin: benchOrigin,
  inbox: benchInbox,
  dispatch: benchDispatch,
  listener: benchListener,
  trust: benchTrust,
  factors: benchFactors,
  hostile: benchHostile,
  scale: benchScale,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "20" },
    events: { type: "string", default: "2500" },
    json: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
    beside: { type: "string" },
  },
});
const volume: Volume = { rounds: Number(values.rounds), eventsPerRound: Number(values.events) };
const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
const isProfile = values.profile && names.join() === "edge";
const unknown = names.filter((name) => !Object.hasOwn(BENCHES, name));
if (unknown.length > 0 || values.profile !== isProfile || !(volume.rounds >= 1) || !(volume.eventsPerRound >= 1)) {
  console.error(
    `usage: npm run bench -- [${Object.keys(BENCHES).join("|")}] [--rounds N] [--events N] [--json] | edge --profile | cold --beside DIR`,
  );
  process.exit(2);
}

if (isProfile) {
  await profileEdge();
  process.exit(0);
}

const reports: Report[] = [];
for (const name of names) {
  for (const report of [(await BENCHES[name]?.(volume)) ?? []].flat()) {
    reports.push(report);
    if (!values.json) console.log(formatReport(report));
  }
}
if (values.json) console.log(JSON.stringify({ node: process.version, reports }, null, 2));
// The servers under test end with this process.
process.exit(0);
