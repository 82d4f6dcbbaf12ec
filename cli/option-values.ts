// Values of options that are one word of a few, or a whole number; and the word that says what a command is to do.

import { UsageError } from "./command.ts";
import { askWhether } from "./nearest.ts";

/** `what` is the option, as in `--mode`. @throws UsageError that lists the words, and asks for the nearest */
export function parseChoice<const T extends string>(what: string, text: string, words: readonly T[]): T {
  const word = words.find((one) => one === text);
  if (word !== undefined) return word;
  throw new UsageError(`${what} ${text} is none of ${words.join(", ")}${askWhether(text, words)}`);
}

/** @throws UsageError for what is no whole number in digits, or beyond the bounds */
export function parseWhole(what: string, text: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`${what} ${text} is no whole number from ${min} to ${max}`);
}

/** The word behind the name of a command. @throws UsageError that asks for the nearest, or lists them */
export function parseAction<const T extends string>(command: string, text: string, actions: readonly T[]): T {
  const action = actions.find((one) => one === text);
  if (action !== undefined) return action;
  const all = `${actions.join(", ")}; see countersign ${command} --help`;
  if (text === "" || text.startsWith("-")) throw new UsageError(`${command} needs to be told what to do: ${all}`);
  const nearest = askWhether(text, actions) || `: it has ${all}`;
  throw new UsageError(`${command} has no ${JSON.stringify(text)}${nearest}`);
}
