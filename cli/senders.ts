// `npm run senders` writes the contents of each preset into its page of docs/senders. It also writes the table of all senders into
// docs/senders/README.md. The rest of a page is written by hand.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "./files/package-folder.ts";
import { secretSteps } from "./policy/preset/steps.ts";
import { commandOf, describeBehaviour, describeMembers, type Fact } from "./policy/preset/text.ts";
import type { Preset } from "./presets/preset.ts";
import { PRESETS } from "./presets/presets.ts";

const BEGIN = "<!-- made by npm run senders -->";
const END = "<!-- end -->";

/** @throws Error if the page has no place for the preset */
export function fillPage(page: string, name: string): string {
  const preset = PRESETS[name];
  if (preset === undefined) throw new Error(`there is no preset ${name}`);
  return fill(page, formatPreset(name, preset), name);
}

/** @throws Error if the README has no place for the table */
export function fillReadme(page: string): string {
  const rows = Object.entries(PRESETS).map(([name, preset]) => `| ${overviewOf(name, preset).join(" | ")} |`);
  const table = ["| sender | certificate of | also proves itself by | a 4xx |", "|---|---|---|---|", ...rows];
  return fill(page, table.join("\n"), "README");
}

function fill(page: string, text: string, name: string): string {
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined) throw new Error(`the page of ${name} lacks ${BEGIN} or ${END}`);
  return `${before}${BEGIN}\n\n${text}\n\n${END}${after}`;
}

function formatPreset(name: string, preset: Preset): string {
  return [
    `## What the preset writes\n\n\`${commandOf(name, preset)}\`\n\n${formatTable(describeMembers(name, preset))}`,
    `## What the sender does\n\n${formatTable(describeBehaviour(preset))}`,
    `## Switch on\n\n${formatList([...secretSteps(preset), ...preset.steps])}`,
    `## Not published, or not certain\n\n${formatList(preset.notes)}`,
    `## Sources\n\nRead on ${preset.checked}:\n\n${formatList(preset.sources.map((source) => `<${source}>`))}`,
  ].join("\n\n");
}

function overviewOf(name: string, { title, sender, anchors, behaviour }: Preset): string[] {
  const { certificates, signature, token } = sender;
  const isPublic = Object.values(anchors).some((source) => "subject" in source);
  const authority = isPublic ? "a public CA" : "a private CA";
  const isFinal = behaviour.afterRefusal?.isFinal;
  return [
    `[${title}](${name}.md)`,
    certificates === undefined ? "none" : `${authority}${certificates.length === 0 ? "; name not known" : ""}`,
    signature !== undefined ? "a signature" : token !== undefined ? "a token" : "nothing",
    isFinal === undefined ? "not known" : isFinal ? "**loses the event**" : "is retried",
  ];
}

function formatTable(facts: readonly Fact[]): string {
  const rows = facts.map(([label, values]) => `| ${label} | ${values.join("<br>").replaceAll("|", "\\|")} |`);
  return ["| | |", "|---|---|", ...rows].join("\n");
}

const formatList = (items: readonly string[]) => items.map((item) => `- ${item}`).join("\n");

if (import.meta.main) {
  const folder = join(packageFolder(), "docs/senders");
  for (const [name, { title }] of Object.entries(PRESETS)) {
    const file = join(folder, `${name}.md`);
    const page = existsSync(file) ? readFileSync(file, "utf8") : `# ${title}\n\n${BEGIN}\n${END}\n`;
    writeFileSync(file, fillPage(page, name));
  }
  const readme = join(folder, "README.md");
  writeFileSync(readme, fillReadme(readFileSync(readme, "utf8")));
}
