// countersign policy presets: lists all presets or shows one in full, for people and for programs.

import { parseOptions, UsageError } from "../command.ts";
import { formatJson } from "../files/files.ts";
import { type Line, print, printText } from "../output.ts";
import type { AnchorSource, Preset } from "../presets/preset.ts";
import { PRESETS } from "../presets/presets.ts";
import { tabulate } from "../table.ts";
import { findPreset } from "./add-preset.ts";
import { describeSource } from "./preset-anchors.ts";
import { secretSteps } from "./preset-steps.ts";
import { findPublicRoot } from "./root-store.ts";

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

/** Returns the place from which `policy add` gets the certificate. `node` is Node's own root store. `file` is an option. */
function originOf(source: AnchorSource): "node" | "file" {
  return "subject" in source && findPublicRoot(source.sha256) !== undefined ? "node" : "file";
}

function formatPreset(name: string, preset: Preset): string {
  const { sender, route } = preset;
  const certificates = (sender.certificates ?? []).map((entry) => JSON.stringify(entry));
  const anchors = Object.entries(preset.anchors).map(([key, source]) => {
    const from = originOf(source) === "node" ? "in Node's root store" : `--anchor ${key}=FILE`;
    const where = "where" in source ? `, ${source.where}` : "";
    return `${key}: ${describeSource(source)}, ${from}${where}`;
  });
  const { signature, eventKey } = sender;
  const sections: [string, readonly string[]][] = [
    ["accepted certificates", certificates.length > 0 ? certificates : ["none is known: see the notes"]],
    ["anchors", anchors.length > 0 ? anchors : ["none: --anchor NAME=FILE"]],
    ["signature", signature === undefined ? ["none"] : [`${signature.scheme}, required`]],
    ["event key", eventKey === undefined ? ["none"] : [JSON.stringify(eventKey)]],
    ["route", [JSON.stringify(route)]],
    ["after a refusal", describeRetries(preset)],
    ["next steps", [...secretSteps(preset), ...preset.steps]],
    ["notes", preset.notes],
    [`sources, read ${preset.checked}`, preset.sources],
  ];
  const text = sections.map(([title, lines]) => `${title}\n${lines.map((line) => `  - ${line}`).join("\n")}`);
  return `${name}: ${preset.title}\n\n${text.join("\n\n")}\n`;
}

function describeRetries({ afterRefusal, sender }: Preset): string[] {
  if (afterRefusal === undefined) return ["not published"];
  const { isFinal, retries } = afterRefusal;
  const answer =
    sender.refusal === undefined || sender.refusal === "final"
      ? []
      : [`"refusal": "${sender.refusal}" keeps what you have to mend`];
  return [
    isFinal ? "a 4xx drops the event for good" : "a 4xx is retried like any other failure",
    `retries ${retries}`,
    ...answer,
  ];
}
