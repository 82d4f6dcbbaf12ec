#!/usr/bin/env node
// The entry point of `countersign`: finds the command, prints help, and turns an error into a message and an exit code.

import { NODE_FOR_ORIGIN, requireNode } from "../origin/node/runtime.ts";
import { endOnSignals } from "../origin/service/signals.ts";
import { askWhether } from "./arguments/nearest.ts";
import { endWithError, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { readVersion } from "./files/package-folder.ts";
import { print, printText } from "./output.ts";
import { tabulate } from "./table.ts";

async function main([name, ...args]: string[]): Promise<number> {
  requireNode(NODE_FOR_ORIGIN, "countersign", "which has SQLite and runs TypeScript");
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    printUsage();
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    printText(readVersion());
    return 0;
  }
  const entry = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (entry === undefined) {
    const nearest = askWhether(name, [...Object.keys(COMMANDS), "--help", "--version"]);
    throw new UsageError(`there is no command ${JSON.stringify(name)}${nearest || ": see countersign --help"}`);
  }
  const { command } = await entry.load();
  if (args.includes("--help") || args.includes("-h")) {
    printText(command.help.trim());
    return 0;
  }
  return command.run(args);
}

function printUsage(): void {
  print([
    "countersign <command> [options]",
    "",
    ...tabulate(Object.entries(COMMANDS).map(([name, { summary }]) => [`  ${name}`, summary])),
    "",
    "countersign <command> --help explains a command; --version prints the version.",
  ]);
}

endOnSignals();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
