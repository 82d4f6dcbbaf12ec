// The parts that all commands share: help, options parsed by node:util, and the exit after an error.

import { type ParseArgsConfig, parseArgs } from "node:util";
import { ConfigurationError } from "../core/configuration-error.ts";
import { messageOf } from "../core/failure-chain.ts";
import { isOfTheSystem } from "../origin/node/file-faults.ts";
import { findOptionFaults } from "./arguments/faults.ts";
import { complain } from "./output.ts";

export interface Command {
  readonly help: string;
  /** Runs the command with the arguments that follow the command's name. Resolves to the exit code. */
  run(args: string[]): Promise<number>;
}

/** An error that the user can correct. Its message goes to stderr without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * Parses options strictly. In the result, `given` has the names of the options on the command line, without options that only have
 * a default. If an option is given twice, the last value is used, so that a user can override the options that a script sets.
 * @throws UsageError for an unknown option, a missing or empty value, or an argument that belongs to no option
 */
export function parseOptions<const T extends Options>(args: string[], options: T, allowPositionals = false) {
  const faults = findOptionFaults(args, options, allowPositionals);
  if (faults.length > 1) throw new ConfigurationError("options", faults);
  if (faults[0] !== undefined) throw new UsageError(faults[0]);
  const { values, positionals, tokens } = parse(args, options, allowPositionals);
  const given = new Set(tokens.flatMap((token) => (token.kind === "option" ? [token.name] : [])));
  return { values, positionals, given };
}

function parse<const T extends Options>(args: string[], options: T, allowPositionals: boolean) {
  try {
    return parseArgs({ args, options, allowPositionals, strict: true, tokens: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/**
 * Refuses options that have no effect in this mode of a command. A user who gives an option expects an effect. `way` is the end of
 * the message, for example "with --tls".
 * @throws UsageError that names the options
 */
export function refuseUnread(given: ReadonlySet<string>, read: readonly string[], way: string): void {
  const unread = [...given].filter((name) => !read.includes(name));
  if (unread.length === 0) return;
  const names = unread.map((name) => `--${name}`).join(", ");
  throw new UsageError(`${names} ${unread.length === 1 ? "has" : "have"} no effect ${way}`);
}

/**
 * Returns the exit code and the text for an error: 2 and the message if the user can correct the error, otherwise 1 and the stack.
 */
export function endOf(error: unknown): { code: number; text: string } {
  const isExpected = error instanceof UsageError || error instanceof ConfigurationError;
  if (isExpected) return { code: 2, text: error.message };
  // The system reported this error, for example a full disk or a missing folder for temporary files. A stack would not help.
  if (isOfTheSystem(error)) return { code: 2, text: error.message };
  return { code: 1, text: String(error instanceof Error ? error.stack : error) };
}

export function endWithError(error: unknown): void {
  const { code, text } = endOf(error);
  complain(`countersign: ${text}`);
  process.exitCode = code;
}

/** Parses an address to listen on. An IPv6 address may be in brackets, as in a URL. */
export function parseHost(text = "127.0.0.1"): string {
  return /^\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]$/.exec(text)?.[1] ?? text;
}

/**
 * Returns the value of an option that must be given. There is no default, because the choice is a security decision that the
 * program must not guess.
 */
export function requireOption(value: string | undefined, option: string, meaning: string): string {
  if (value === undefined || value === "") throw new UsageError(`--${option} is required: ${meaning}`);
  return value;
}

export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535)
    throw new UsageError(`--port ${text} is not a port (0 to 65535)`);
  return Number(text);
}
