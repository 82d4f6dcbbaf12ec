// `npm run bench` measures the cost of Countersign, next to comparable programs in the same run.

import { parseChoice, parseWhole } from "../cli/arguments/values.ts";
import { endWithError, parseOptions, UsageError } from "../cli/command.ts";
import { benchCold } from "./cold.ts";
import { benchConsole } from "./console.ts";
import { benchDispatch } from "./dispatch.ts";
import { benchEdge } from "./edge.ts";
import { benchFactors } from "./factors.ts";
import { benchHostile } from "./hostile/hostile.ts";
import { benchInbox } from "./inbox.ts";
import { benchListener } from "./listener.ts";
import { benchOrigin } from "./origin.ts";
import { profileEdge, profileListener, profileOrigin } from "./profile.ts";
import { formatReport, type Report, type Volume } from "./report.ts";
import { benchScale } from "./scale.ts";
import { benchStart } from "./start.ts";
import { benchTrust } from "./trust.ts";

interface Settings extends Volume {
  readonly beside: string | undefined;
}

const BENCHES: Readonly<Record<string, (settings: Settings) => Report | Promise<Report | Report[]>>> = {
  edge: benchEdge,
  cold: ({ rounds, beside }) => benchCold(rounds, beside),
  origin: benchOrigin,
  inbox: benchInbox,
  dispatch: benchDispatch,
  console: benchConsole,
  listener: benchListener,
  trust: benchTrust,
  factors: benchFactors,
  hostile: benchHostile,
  scale: benchScale,
  start: benchStart,
};

const PROFILES: Readonly<Record<string, () => Promise<void>>> = {
  edge: profileEdge,
  origin: profileOrigin,
  listener: profileListener,
};

const HELP = `npm run bench -- [NAME...] [options]

NAME: ${Object.keys(BENCHES).join(", ")} (default: all of them)

  --rounds N      the number of rounds; each measures every subject (default 20)
  --events N      the number of events of a round (default 2500)
  --profile       with edge, origin or listener: print what an event costs, by part of the code
  --beside DIR    with cold: also measure the worker of another checkout of this project
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
  const profile = PROFILES[names.join()];
  if (values.profile && profile === undefined)
    throw new UsageError("--profile goes with edge, origin or listener alone");
  if (values.beside !== undefined && !names.includes("cold")) throw new UsageError("--beside goes with cold");
  if (values.profile) return await profile?.();
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
// Exits explicitly, because the servers under test would keep the process alive. They end with this process.
process.exit();
