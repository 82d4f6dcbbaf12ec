// Parses option values: one of a few words, a whole number, or an address to listen on. Also parses the action of a command.

import type { Address } from "../../origin/node/listening.ts";
import { UsageError } from "../command.ts";
import { askWhether } from "./nearest.ts";

/**
 * Returns the text if it is one of the words. `what` names the option in messages, for example `--mode`.
 * @throws UsageError that lists the words and suggests the nearest one
 */
export function parseChoice<const T extends string>(what: string, text: string, words: readonly T[]): T {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new UsageError(`${what} ${text} is none of ${words.join(", ")}${askWhether(text, words)}`);
}

/** Returns the number. @throws UsageError if the text is not a whole number in digits, or is out of bounds */
export function parseWhole(what: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${what} ${text} is not a whole number from ${min} to ${max}`);
}

/** Parses PORT or HOST:PORT, with an IPv6 address in brackets. Default host: 127.0.0.1. Undefined if the text has neither form. */
export function parseAddress(text: string): Address | undefined {
  const [, bracketed, plain, port = ""] = /^(?:(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text) ?? [];
  if (port === "" || Number(port) > 65_535) return undefined;
  return { hostname: bracketed ?? plain ?? "127.0.0.1", port: Number(port) };
}

/**
 * Parses the action, which is the word after the name of a command.
 * @throws UsageError that suggests the nearest action or lists all
 */
export function parseAction<const T extends string>(command: string, text: string, actions: readonly T[]): T {
  const action = actions.find((one) => one === text);
  if (action !== undefined) return action;
  const all = `${actions.join(", ")}; see countersign ${command} --help`;
  if (text === "" || text.startsWith("-")) throw new UsageError(`${command} needs an action: ${all}`);
  const nearest = askWhether(text, actions) || `: it has ${all}`;
  throw new UsageError(`${command} has no ${JSON.stringify(text)}${nearest}`);
}
