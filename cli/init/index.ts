// `countersign init` makes a project in a folder. The only existing file that it changes is package.json.

import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { shellWord } from "../../origin/shell-word.ts";
import { parseChoice } from "../arguments/values.ts";
import { type Command, parseOptions, UsageError } from "../command.ts";
import { formatJson, readJson } from "../files/files.ts";
import { makeFolder, writeWhole } from "../files/write.ts";
import { printText } from "../output.ts";
import { makeProject } from "./project.ts";

export const command: Command = {
  help: `
countersign init [DIR] [options]      make a project of your own in DIR (default: here)

  --mode MODE          both (default): the Worker and the origin behind it; edge: only the Worker, with a program of yours as origin;
                       origin: only the origin, without Cloudflare
  --preset NAME        a policy for this sender: see countersign policy presets (default: an example policy)
  --anchor NAME=FILE   the CA of the sender's certificate, if the preset has none; may be repeated
  --value NAME=VALUE   a value of the body that the preset asks for; may be repeated
  --yes                do not ask for confirmation

Writes policy.json, package.json, .gitignore and README.md; for the edge also wrangler.jsonc and src/index.ts; for the origin also
handler.ts. An existing package.json gets the members that it lacks. If any other of these files exists, nothing is written.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, OPTIONS, true);
    const [directory = ".", ...rest] = positionals;
    if (rest.length > 0) throw new UsageError(`init takes one folder, and ${JSON.stringify(rest[0])} is a second one`);
    const { preset, anchor: anchors = [], value: bodyValues = [] } = values;
    if (preset === undefined && anchors.length > 0) throw new UsageError("--anchor has no effect without --preset");
    if (preset === undefined && bodyValues.length > 0) throw new UsageError("--value has no effect without --preset");
    const { files, steps } = makeProject({
      mode: parseChoice("--mode", values.mode, ["both", "edge", "origin"]),
      preset,
      anchors,
      values: bodyValues,
    });
    requireFree(directory, [...files.keys()]);
    const contents = completed(directory, files);
    if (!values.yes && !(await isConfirmed(directory, [...files.keys()]))) return 1;
    for (const [name, text] of contents) {
      makeFolder(dirname(join(directory, name)));
      writeWhole(join(directory, name), text);
    }
    printText(formatSteps(directory, [...files.keys()], steps));
    return 0;
  },
};

const OPTIONS = {
  mode: { type: "string", default: "both" },
  preset: { type: "string" },
  anchor: { type: "string", multiple: true },
  value: { type: "string", multiple: true },
  yes: { type: "boolean", default: false },
} as const;

const MANIFEST = "package.json";

/** @throws UsageError that lists the files that exist already */
function requireFree(directory: string, names: readonly string[]): void {
  const present = names.filter((name) => name !== MANIFEST && existsSync(join(directory, name)));
  if (present.length === 0) return;
  throw new UsageError(
    `nothing was written, because ${directory} has already:\n${present.map((name) => `  - ${name}`).join("\n")}`,
  );
}

/**
 * Merges our package.json into the package.json that npm made when this package was installed. If both files have a value, the
 * value in npm's file is kept.
 * @throws UsageError if npm's file is not a JSON object
 */
function completed(directory: string, files: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  const file = join(directory, MANIFEST);
  if (!existsSync(file)) return files;
  const own = readJson(file);
  if (typeof own !== "object" || own === null || Array.isArray(own)) throw new UsageError(`${file} is no JSON object`);
  const { name: _, ...ours } = JSON.parse(files.get(MANIFEST) ?? "{}") as Record<string, unknown>;
  const theirs = own as Record<string, unknown>;
  const groups = ["scripts", "dependencies", "devDependencies"].map((group) => [
    group,
    { ...(ours[group] as object), ...(theirs[group] as object | undefined) },
  ]);
  return new Map(files).set(MANIFEST, formatJson({ ...ours, ...theirs, ...Object.fromEntries(groups) }));
}

/** Asks the user for a confirmation. Returns true without a terminal, because nobody could answer. */
async function isConfirmed(directory: string, names: readonly string[]): Promise<boolean> {
  if (!process.stdin.isTTY) return true;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`write ${names.join(", ")} into ${resolve(directory)}? [Y/n] `);
    return /^(?:y(?:es)?)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

function formatSteps(directory: string, names: readonly string[], steps: readonly string[]): string {
  const folder = relative(process.cwd(), resolve(directory));
  const first = [...(folder === "" ? [] : [`cd ${shellWord(folder)}`]), "npm install", "npm run dev"];
  const later = steps.length === 0 ? "" : `\n\nfor the sender\n${steps.map((step) => `  - ${step}`).join("\n")}`;
  return `${names.join(", ")} written\n\nnext: ${first.join(" && ")}; then see README.md${later}\n`;
}
