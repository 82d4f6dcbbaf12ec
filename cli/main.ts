#!/usr/bin/env node
// countersign <command>: picks the command, prints help, turns an error into one message and an exit code.

import { NODE_FOR_ORIGIN, requireNode } from "../origin/node/runtime.ts";
import { type Command, endOnSignals, endWithError, UsageError } from "./command.ts";
import { askWhether } from "./nearest.ts";
import { print, printText } from "./output.ts";
import { readVersion } from "./package-folder.ts";
import { tabulate } from "./table.ts";

interface Entry {
  readonly summary: string;
  readonly load: () => Promise<{ command: Command }>;
}

/** Loaded when called: `--help` should not wait for a database, nor `keys` for wrangler. */
const COMMANDS: Readonly<Record<string, Entry>> = {
  init: { summary: "make a project of your own: policy, Worker, handler", load: () => import("./init.ts") },
  dev: {
    summary: "run everything locally: TLS front, edge worker in workerd, origin",
    load: () => import("./dev.ts"),
  },
  origin: {
    summary:
      "run the origin: verify, store, answer 202, hand on to your code; behind the edge, behind your proxy, or on its own",
    load: () => import("./origin.ts"),
  },
  inbox: {
    summary: "look at stored events: what waits, what is dead and why; retry or drop it",
    load: () => import("./inbox.ts"),
  },
  keys: { summary: "make, rotate and publish the edge's signing keys", load: () => import("./keys.ts") },
  policy: { summary: "check, show, change and try the policy file", load: () => import("./policy.ts") },
  explain: {
    summary: "explain the verdict on a certificate and a request: the rule that decided, and what all others lacked",
    load: () => import("./explain.ts"),
  },
  doctor: {
    summary: "look at the endpoint from outside, as senders and strangers would, and say what is wrong",
    load: () => import("./doctor/index.ts"),
  },
  send: { summary: "send an event to any URL with a client certificate", load: () => import("./send.ts") },
  vectors: { summary: "write test vectors for receivers in other languages", load: () => import("./vectors.ts") },
};

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
    "countersign <command> --help says more; --version says which this is.",
  ]);
}

endOnSignals();
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  endWithError(error);
}
