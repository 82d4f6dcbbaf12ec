// npm run senders: writes the contents of each preset into its page of docs/senders. The rest of a page is written by hand.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "./files/package-folder.ts";
import { describeSource } from "./policy/preset-anchors.ts";
import { secretSteps } from "./policy/preset-steps.ts";
import type { AnchorSource, Preset } from "./presets/preset.ts";
import { PRESETS } from "./presets/presets.ts";

const BEGIN = "<!-- made by npm run senders -->";
const END = "<!-- end -->";

/** @throws Error if the page has no place for the preset */
export function fillPage(page: string, name: string): string {
  const [before, rest] = page.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (before === undefined || after === undefined) throw new Error(`the page of ${name} lacks ${BEGIN} or ${END}`);
  return `${before}${BEGIN}\n\n${formatPreset(name)}\n\n${END}${after}`;
}

function formatPreset(name: string): string {
  const preset = PRESETS[name];
  if (preset === undefined) throw new Error(`there is no preset ${name}`);
  return [
    `## What the preset writes\n\n\`countersign policy add --preset ${name}${anchorOptions(preset)}\`\n\n${formatTable(preset)}`,
    `## Switch on\n\n${formatList([...secretSteps(preset), ...preset.steps])}`,
    `## Not published, or not certain\n\n${formatList(preset.notes)}`,
    `## Sources\n\nRead on ${preset.checked}:\n\n${formatList(preset.sources.map((source) => `<${source}>`))}`,
  ].join("\n\n");
}

function formatTable({ sender, route, anchors }: Preset): string {
  const { certificates = [], signature, eventKey } = sender;
  const entries = certificates.map((entry) => code(JSON.stringify(entry)));
  const roots = Object.entries(anchors).map(([key, source]) => `${code(key)}: ${describeAnchor(source)}`);
  const rows = [
    ["accepted certificates", entries.join("<br>") || "none yet: the route observes until you accept one"],
    ["anchors", roots.join("<br>") || "yours: `--anchor NAME=FILE`"],
    ["signature", signature === undefined ? "none" : `scheme ${code(signature.scheme)}, required`],
    ["event key", eventKey === undefined ? "none" : code(JSON.stringify(eventKey))],
    ["methods", route.methods.join(", ")],
    ["largest body", `${route.maxBodyBytes ?? 0} bytes`],
    ["mode", route.mode ?? "enforce"],
  ];
  return ["| | |", "|---|---|", ...rows.map(([label, value]) => `| ${label} | ${value} |`)].join("\n");
}

function describeAnchor(source: AnchorSource): string {
  return "where" in source ? `${describeSource(source)}, ${source.where}` : describeSource(source);
}

/** Returns the --anchor options for the anchors whose file the user must give. */
function anchorOptions({ sender, anchors }: Preset): string {
  const missing = Object.entries(anchors).filter(([, source]) => "where" in source);
  const names = sender.trust?.anchors?.length === 0 ? ["NAME"] : missing.map(([key]) => key);
  return names.map((key) => ` --anchor ${key}=FILE`).join("");
}

const formatList = (items: readonly string[]) => items.map((item) => `- ${item}`).join("\n");
const code = (text: string) => `\`${text.replaceAll("|", "\\|")}\``;

if (import.meta.main)
  for (const name of Object.keys(PRESETS)) {
    const file = join(packageFolder(), "docs/senders", `${name}.md`);
    writeFileSync(file, fillPage(readFileSync(file, "utf8"), name));
  }
