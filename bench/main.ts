// What Countersign costs, side by side with its peers in one run.

import { endWithError, parseOptions, UsageError } from "../cli/command.ts";
import { parseChoice, parseWhole } from "../cli/option-values.ts";
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
import { benchStart } from "./start.ts";
import { benchTrust } from "./trust.ts";

/** What the command line may change. */
interface Settings extends Volume {
  readonly beside: string | undefined;
}

const BENCHES: Readonly<Record<string, (settings: Settings) => Report | Promise<Report | Report[]>>> = {
  edge: benchEdge,
  cold: ({ rounds, beside }) => benchCold(rounds, beside),
  origin: benchOrigin,
  inbox: benchInbox,
  dispatch: benchDispatch,
  listener: benchListener,
  trust: benchTrust,
  factors: benchFactors,
  hostile: benchHostile,
  scale: benchScale,
  start: benchStart,
};

const HELP = `npm run bench -- [NAME...] [options]

NAME: ${Object.keys(BENCHES).join(", ")} (default: all of them)

  --rounds N      of each, one beside the other (default 20)
  --events N      of each round (default 2500)
  --profile       with edge: what an event costs there, by part of the code
  --beside DIR    with cold: also the worker of another tree of this project
  --json          print one JSON document
`;

const OPTIONS = {
  rounds: { type: "string", default: "20" },
  events: { type: "string", default: "2500" },
  json: { type: "boolean", default: false },
  profile: { type: "boolean", default: false },
  beside: { type: "string" },
  help: { type: "boolean", default: false },
} as const;

async function main(args: string[]): Promise<void> {
  const { values, positionals } = parseOptions(args, OPTIONS, true);
  if (values.help) {
    console.log(HELP);
    return;
  }
  const all = Object.keys(BENCHES);
  const names = positionals.length > 0 ? positionals.map((name) => parseChoice("the bench", name, all)) : all;
  const rounds = parseWhole("--rounds", values.rounds, 1, 1_000_000);
  const eventsPerRound = parseWhole("--events", values.events, 1, 100_000_000);
  if (values.profile && names.join() !== "edge") throw new UsageError("--profile goes with edge alone");
  if (values.beside !== undefined && !names.includes("cold")) throw new UsageError("--beside goes with cold");
  if (values.profile) return await profileEdge();
  const reports: Report[] = [];
  for (const name of names) {
    for (const report of [(await BENCHES[name]?.({ rounds, eventsPerRound, beside: values.beside })) ?? []].flat()) {
      reports.push(report);
      if (!values.json) console.log(formatReport(report));
    }
  }
  if (values.json) console.log(JSON.stringify({ node: process.version, reports }, null, 2));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
// The servers under test end with this process.
process.exit();
