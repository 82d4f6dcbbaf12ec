// `countersign policy presets` lists all presets or shows one in full, for people and for programs.

import { parseOptions, UsageError } from "../command.ts";
import { formatJson } from "../files/files.ts";
import { type Line, print, printText } from "../output.ts";
import type { Preset } from "../presets/preset.ts";
import { PRESETS } from "../presets/presets.ts";
import { tabulate } from "../table.ts";
import { findPreset } from "./preset/add.ts";
import { secretSteps } from "./preset/steps.ts";
import { describeBehaviour, describeMembers, type Fact, originOf } from "./preset/text.ts";

export function showPresets(args: string[]): number {
  const { values, positionals } = parseOptions(args, { json: { type: "boolean", default: false } }, true);
  const [name, ...others] = positionals;
  if (others.length > 0) throw new UsageError("policy presets takes one name at most");
  if (name !== undefined) printText(formatOne(name, values.json));
  else if (values.json) printText(formatJson({ presets: listPresets() }));
  else print(formatList());
  return 0;
}

function listPresets() {
  return Object.entries(PRESETS).map(([name, { title, checked }]) => ({ name, title, checked }));
}

function formatList(): Line[] {
  return [
    ...tabulate(listPresets().map(({ name, title }) => [name, title])),
    "",
    "countersign policy presets NAME says all of one; countersign policy add --preset NAME writes it.",
  ];
}

function formatOne(name: string, asJson: boolean): string {
  const preset = findPreset(name);
  return asJson ? formatJson(describePreset(name, preset)) : formatPreset(name, preset);
}

function describePreset(name: string, preset: Preset) {
  const anchors = Object.entries(preset.anchors).map(([key, source]) => ({
    name: key,
    ...source,
    from: originOf(source),
  }));
  return { name, ...preset, anchors };
}

function formatPreset(name: string, preset: Preset): string {
  const sections: Fact[] = [
    ...describeMembers(name, preset),
    ...describeBehaviour(preset),
    ["next steps", [...secretSteps(preset), ...preset.steps]],
    ["notes", preset.notes],
    [`sources, read ${preset.checked}`, preset.sources],
  ];
  const text = sections.map(([title, lines]) => `${title}\n${lines.map((line) => `  - ${line}`).join("\n")}`);
  return `${name}: ${preset.title}\n\n${text.join("\n\n")}\n`.replaceAll("`", "");
}
