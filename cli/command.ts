// What every command has: help, options read by node:util, one way to end with an error.

import { type ParseArgsConfig, parseArgs } from "node:util";

export interface Command {
  readonly summary: string;
  readonly help: string;
  /** Runs with the arguments after the command's name; the number is the exit code. */
  run(args: string[]): Promise<number>;
}

/** A fault that the user can mend: its message goes to stderr without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/** Reads options strictly. @throws UsageError for an unknown option or one without its value */
export function parseOptions<const T extends Options>(args: string[], options: T, allowPositionals = false) {
  try {
    return parseArgs({ args, options, allowPositionals, strict: true });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The value of an option that has no default because a guess would be a security decision. */
export function requireOption(value: string | undefined, option: string, meaning: string): string {
  if (value === undefined || value === "") throw new UsageError(`--${option} is required: ${meaning}`);
  return value;
}

export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535)
    throw new UsageError(`--port ${text} is no port (0 to 65535)`);
  return port;
}

/** Resolves on the first SIGINT or SIGTERM. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(signal));
  });
}
