// Runs a command in this process, to test what the command decides, prints and writes. A separate process is needed to test how the
// program starts, reads its standard input and ends: see running.ts.

import { type Command, endWithError } from "../../cli/command.ts";
import { COMMANDS } from "../../cli/commands.ts";
import type { Finished } from "./running.ts";

let last: Promise<unknown> = Promise.resolve();

/** Runs one command at a time, because output, exit code and environment belong to the whole process. */
export function runHere(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const finished = last.then(() => runAlone(args, environment));
  last = finished.catch(() => {});
  return finished;
}

async function runAlone([name = "", ...args]: readonly string[], environment: Readonly<Record<string, string>>) {
  const command = await loadCommand(name);
  using stack = new DisposableStack();
  keepListeners(stack);
  setEnvironment(stack, environment);
  const printed = capture(stack);
  const exitCode = process.exitCode;
  stack.defer(() => {
    process.exitCode = exitCode;
  });
  process.exitCode = 0;
  try {
    process.exitCode = await command.run(args);
  } catch (error) {
    endWithError(error);
  }
  return { code: process.exitCode as number, ...printed };
}

/** Removes the listeners that a command adds to this process, because this process continues after the command. */
function keepListeners(stack: DisposableStack): void {
  const emitters = [
    [process, ["SIGINT", "SIGTERM", "SIGHUP"]],
    [process.stdout, ["error"]],
  ] as const;
  for (const [emitter, names] of emitters)
    for (const name of names) {
      const known = emitter.listeners(name);
      stack.defer(() => {
        for (const listener of emitter.listeners(name))
          if (!known.includes(listener)) emitter.removeListener(name, listener as () => void);
      });
    }
}

function setEnvironment(stack: DisposableStack, environment: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(environment)) {
    const before = process.env[name];
    stack.defer(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
    process.env[name] = value;
  }
}

/** Captures the texts that cli/output.ts prints. */
function capture(stack: DisposableStack): { stdout: string; stderr: string } {
  const printed = { stdout: "", stderr: "" };
  const { log, error } = console;
  const { write } = process.stdout;
  stack.defer(() => {
    Object.assign(console, { log, error });
    process.stdout.write = write;
  });
  console.log = (text: string) => {
    printed.stdout += `${text}\n`;
  };
  console.error = (text: string) => {
    printed.stderr += `${text}\n`;
  };
  process.stdout.write = (bytes: string | Uint8Array) => {
    printed.stdout += Buffer.from(bytes as Uint8Array).toString();
    return true;
  };
  return printed;
}

/** Loads a command in the same way as the program. */
export async function loadCommand(name: string): Promise<Command> {
  const entry = COMMANDS[name];
  if (entry === undefined) throw new Error(`there is no command ${name}`);
  return (await entry.load()).command;
}
