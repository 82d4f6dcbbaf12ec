// Finds the faults of a command line that node:util refuses, and describes each in a sentence for the user.

import { type ParseArgsConfig, parseArgs } from "node:util";
import { askWhether } from "./nearest.ts";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Token = ReturnType<typeof tokensOf>[number];

/** Returns one sentence for each fault. Empty if nothing is wrong. */
export function findOptionFaults(args: readonly string[], options: Options, allowPositionals: boolean): string[] {
  const tokens = tokensOf(args, options);
  return tokens.flatMap((token, index) => {
    // The word after an unknown option is probably the value of that option. So the word is not reported as a second fault.
    if (token.kind === "positional" && isUnknown(tokens[index - 1], options)) return [];
    return describeToken(token, options, allowPositionals) ?? [];
  });
}

function isUnknown(token: Token | undefined, options: Options): boolean {
  return token?.kind === "option" && !Object.hasOwn(options, token.name);
}

function tokensOf(args: readonly string[], options: Options) {
  return parseArgs({ args, options, allowPositionals: true, strict: false, tokens: true }).tokens;
}

function describeToken(token: Token, options: Options, allowPositionals: boolean): string | undefined {
  if (token.kind === "option-terminator") return undefined;
  if (token.kind === "positional") {
    if (allowPositionals) return undefined;
    return `${JSON.stringify(token.value)} belongs to no option, and this command takes nothing else`;
  }
  const { name, rawName, value, inlineValue } = token;
  const type = Object.hasOwn(options, name) ? options[name]?.type : undefined;
  if (type === undefined) {
    const names = Object.keys(options).map((known) => `--${known}`);
    return `there is no option ${rawName} here${askWhether(rawName, names)}`;
  }
  if (type === "boolean") return value === undefined ? undefined : `${rawName} takes no value`;
  if (value === undefined) return `${rawName} needs a value after it`;
  if (value === "") return `${rawName} has an empty value: write a value, or leave the option out`;
  if (inlineValue || value === "-" || !value.startsWith("-")) return undefined;
  return `${rawName} has no value; if ${value} is the value, write ${rawName}=${value}`;
}
