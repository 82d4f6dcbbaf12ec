// What every command has: help, options read by node:util, one way to end with an error.

import { type ParseArgsConfig, parseArgs } from "node:util";
import { ConfigurationError } from "../core/configuration-error.ts";
import { messageOf } from "../core/failure-chain.ts";
import { isOfTheSystem } from "../origin/node/file-faults.ts";
import { findOptionFaults } from "./option-faults.ts";
import { complain } from "./output.ts";

export interface Command {
  readonly help: string;
  /** Runs with the arguments after the command's name; the number is the exit code. */
  run(args: string[]): Promise<number>;
}

/** A fault that the user can mend: its message goes to stderr without a stack. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

type Options = NonNullable<ParseArgsConfig["options"]>;

/**
 * Reads options strictly. `given` are those that stand on the command line: a default is not one of them.
 * Of one that is given twice the last counts, so that a script with options of its own can be given others.
 * @throws UsageError for an option that is not known, has no value or an empty one, or for a word that belongs to none
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
 * One way of running a command reads some of its options. Any other that is given would have no effect, and its author believes
 * that it has one. `way` completes the sentence. @throws UsageError that names them
 */
export function refuseUnread(given: ReadonlySet<string>, read: readonly string[], way: string): void {
  const unread = [...given].filter((name) => !read.includes(name));
  if (unread.length === 0) return;
  const names = unread.map((name) => `--${name}`).join(", ");
  throw new UsageError(`${names} ${unread.length === 1 ? "has" : "have"} no effect ${way}`);
}

/** How a program ends with an error: the message alone, and 2, for what the user can mend. */
export function endOf(error: unknown): { code: number; text: string } {
  const isExpected = error instanceof UsageError || error instanceof ConfigurationError;
  if (isExpected) return { code: 2, text: error.message };
  // A disk that is full, a folder for temporary files that is not there: nothing that a stack would help with.
  if (isOfTheSystem(error)) return { code: 2, text: error.message };
  return { code: 1, text: String(error instanceof Error ? error.stack : error) };
}

export function endWithError(error: unknown): void {
  const { code, text } = endOf(error);
  complain(`countersign: ${text}`);
  process.exitCode = code;
}

/** An address to listen on. An IPv6 address may stand in brackets, as it does in a URL. */
export function parseHost(text = "127.0.0.1"): string {
  return /^\[([0-9A-Fa-f:.]+(?:%[^\]]+)?)\]$/.exec(text)?.[1] ?? text;
}

/** The value of an option that has no default because a guess would be a security decision. */
export function requireOption(value: string | undefined, option: string, meaning: string): string {
  if (value === undefined || value === "") throw new UsageError(`--${option} is required: ${meaning}`);
  return value;
}

export function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new UsageError(`--port ${text} is no port (0 to 65535)`);
  return Number(text);
}

const END_SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;

/**
 * Before a command takes SIGINT and SIGTERM for itself they end it, also as the first process of a container, where the system passes over
 * signals that nothing listens to.
 */
export function endOnSignals(): void {
  // Of any other process the default is right, and tells its parent which signal it was.
  if (process.pid === 1) for (const signal of endSignals()) process.on(signal, endAtOnce);
}

function endAtOnce(signal: keyof typeof END_SIGNALS): never {
  process.exit(128 + END_SIGNALS[signal]);
}

/** Calls back at the first SIGINT or SIGTERM. */
export function onFirstSignal(end: (signal: NodeJS.Signals) => void): void {
  for (const signal of endSignals()) {
    process.once(signal, end);
    process.off(signal, endAtOnce);
  }
}

/** Resolves on the first SIGINT or SIGTERM. */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise(onFirstSignal);
}

function endSignals() {
  return Object.keys(END_SIGNALS) as (keyof typeof END_SIGNALS)[];
}
