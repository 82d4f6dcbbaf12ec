// Prints docs/troubleshooting.md: every word and code of the log, with its meaning, who has to act, and how.

import { DECISIONS, type Explanation, OPERATIONAL_CODES } from "../core/log-words.ts";
import { PROBLEMS, REFUSALS, type RefusalCode } from "../core/refusal.ts";
import { REFUSAL_ADVICE } from "../origin/refusal-advice.ts";
import { printText } from "./output.ts";

const HEAD = `# What the log says, and what to do

Every line of the log is a JSON object: \`decision\` is one of the words below, \`code\` the reason, \`id\` the decision id that the sender was told
too. \`countersign explain --decision ID --log FILE\` shows the same for one request. The sender sees the status and the coarse problem alone.

Made by \`npm run troubleshooting\` from the tables that the programs log by.`;

/** Returns the text of docs/troubleshooting.md. */
export function formatTroubleshooting(): string {
  const refusals = Object.keys(REFUSALS) as RefusalCode[];
  const sections = [
    section("decision", "Words of `decision`", explanationsOf(DECISIONS)),
    [
      "## Codes of refusals",
      "In lines `refused` and `failed`. The meaning is the text of `why` in the line; the status is what the sender gets.",
      formatTable(["code", "status", "meaning", "who", "what to do"], refusals.map(refusalRow)),
    ].join("\n\n"),
    section("code", "Other codes", explanationsOf(OPERATIONAL_CODES)),
  ];
  return [HEAD, ...sections].join("\n\n");
}

function section(column: string, title: string, rows: readonly (readonly string[])[]): string {
  return `## ${title}\n\n${formatTable([column, "meaning", "who", "what to do"], rows)}`;
}

function explanationsOf(table: Readonly<Record<string, Explanation>>): string[][] {
  return Object.entries(table).map(([word, { meaning, who, what }]) => [`\`${word}\``, meaning, who, what]);
}

function refusalRow(code: RefusalCode): string[] {
  const [problem, why] = REFUSALS[code];
  const [who, what] = REFUSAL_ADVICE[code];
  const { status } = PROBLEMS[problem];
  return [`\`${code}\``, `${status} \`${problem}\``, why, who, what];
}

function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return lines.join("\n");
}

if (import.meta.main) printText(formatTroubleshooting());
