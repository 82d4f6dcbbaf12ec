// npm start: the local system, a first round of events with their verdicts, then it stays up. With --once it ends.

import { resolve } from "node:path";
import type { LogLine } from "../core/decision.ts";
import { parseOptions, parsePort, untilSignal } from "./command.ts";
import { formatDecision } from "./decision-text.ts";
import { describe, startDevelopment } from "./development.ts";
import { print, printText } from "./output.ts";
import { formatTable, runTrials } from "./trials.ts";

const { values } = parseOptions(process.argv.slice(2), {
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
    else print([formatDecision(source, line, new Date())]);
  },
  onOriginRequest(request) {
    if (isTrial) forwarded.push(request.clone());
  },
});
try {
  const results = await runTrials(development, decisions, forwarded);
  isTrial = false;
  printText(formatTable(results));
  const failures = results.filter(({ isExpected }) => !isExpected).length;
  printText(
    failures === 0 ? `\nall ${results.length} as expected\n` : `\n${failures} of ${results.length} not as expected\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
  if (!values.once) {
    printText(`${describe(development)}\n\nCtrl-C ends it.`);
    await untilSignal();
  }
} finally {
  await development.close();
}
