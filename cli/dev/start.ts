// `npm start` starts the local system, sends a first round of events and shows the verdicts. With `--once`, the system is then
// stopped. Otherwise, it keeps running.

import { resolve } from "node:path";
import type { LogLine } from "../../core/log-line.ts";
import { untilSignal } from "../../origin/service/signals.ts";
import { endWithError, parseOptions, parsePort } from "../command.ts";
import { formatDecision } from "../log/text.ts";
import { print, printText } from "../output.ts";
import { describe, startDevelopment } from "./system.ts";
import { formatResults, runTrials } from "./trials.ts";

const HELP = `npm start -- [options]

  --once         end after the first round; exits with 0 if every verdict is as expected
  --port PORT    the port of the HTTPS front on localhost (default 8443; 0: any free port)
  --state DIR    certificates, keys, policy and inbox of the local run (default .countersign)
`;

async function start(args: string[]): Promise<void> {
  if (args.includes("--help") || args.includes("-h")) {
    printText(HELP);
    return;
  }
  const { values } = parseOptions(args, {
    once: { type: "boolean", default: false },
    port: { type: "string", default: "8443" },
    state: { type: "string", default: ".countersign" },
  });
  const decisions: { source: "edge" | "origin"; line: LogLine }[] = [];
  const forwarded: Request[] = [];
  let isTrial = true;
  const development = await startDevelopment({
    port: parsePort(values.port),
    directory: resolve(values.state),
    onDecision(source, line) {
      if (isTrial) decisions.push({ source, line });
      else print(formatDecision(source, line, new Date()));
    },
    onOriginRequest(request) {
      if (isTrial) forwarded.push(request.clone());
    },
  });
  try {
    development.handOut();
    const results = await runTrials(development, decisions, forwarded);
    isTrial = false;
    print(formatResults(results));
    const failures = results.filter(({ isExpected }) => !isExpected).length;
    printText(
      failures === 0 ? `\nall ${results.length} as expected\n` : `\n${failures} of ${results.length} not as expected\n`,
    );
    process.exitCode = failures === 0 ? 0 : 1;
    if (!values.once) {
      print([...describe(development), "", "Ctrl-C ends it."]);
      await untilSignal();
    }
  } finally {
    await development.close();
  }
}

try {
  await start(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
