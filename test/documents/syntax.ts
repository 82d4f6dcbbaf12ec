// Checks the syntax of a block that is not run.

import { execFileSync } from "node:child_process";
import { stripTypeScriptTypes } from "node:module";
import { type ParseError, parse, printParseErrorCode } from "jsonc-parser";
import type { Block } from "./blocks.ts";

const CHECKS: Readonly<Record<string, (code: string) => void>> = {
  sh: (code) => execFileSync("bash", ["-n"], { input: code, stdio: ["pipe", "pipe", "pipe"] }),
  ts: (code) => stripTypeScriptTypes(code),
  json: checkJson,
  jsonc: checkJson,
};

/** True if there is a check for the syntax of this language. */
export const isParsed = (language: string) => language in CHECKS;

/** @throws Error if the syntax is wrong, or if there is no check for the language */
export function checkSyntax({ language, code, line }: Block): void {
  const check = CHECKS[language];
  if (check === undefined) throw new Error(`line ${line}: the syntax of ${language || "this"} is not checked`);
  check(code);
}

function checkJson(code: string): void {
  const errors: ParseError[] = [];
  parse(code, errors);
  if (errors.length > 0) throw new Error(errors.map(({ error }) => printParseErrorCode(error)).join(", "));
}
