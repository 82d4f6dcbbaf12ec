#!/usr/bin/env node
// countersign <command>: picks the command, prints help, turns an error into one message and an exit code.

import { type Command, endWithError, UsageError } from "./command.ts";
import { printText } from "./output.ts";

/** Loaded when called: `keys` should not wait for wrangler. */
const COMMANDS: Readonly<Record<string, () => Promise<{ command: Command }>>> = {
  dev: () => import("./dev.ts"),
  origin: () => import("./origin.ts"),
  inbox: () => import("./inbox.ts"),
  keys: () => import("./keys.ts"),
  policy: () => import("./policy.ts"),
  explain: () => import("./explain.ts"),
  send: () => import("./send.ts"),
  vectors: () => import("./vectors.ts"),
};

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    printText(await usage());
    return name === undefined ? 2 : 0;
  }
  const load = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (load === undefined) throw new UsageError(`there is no command ${JSON.stringify(name)}; see countersign --help`);
  const { command } = await load();
  if (args.includes("--help") || args.includes("-h")) {
    printText(command.help.trim());
    return 0;
  }
  return command.run(args);
}

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => `  ${name.padEnd(8)} ${(await load()).command.summary}`),
  );
  return `countersign <command> [options]\n\n${lines.join("\n")}\n\ncountersign <command> --help says more.\n`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
