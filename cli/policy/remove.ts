// `countersign policy remove` removes parts of a policy, and the names of these parts from all other parts.

import { parseOptions, UsageError } from "../command.ts";
import { print, printJson } from "../output.ts";
import { formatFinding } from "./check/finding.ts";
import type { PolicyDraft } from "./draft.ts";
import { describeEdit, EDIT_OPTIONS, editPolicy, fileToChange, formatEdit, writeEdit } from "./edit.ts";

const OPTIONS = {
  ...EDIT_OPTIONS,
  sender: { type: "string", multiple: true },
  from: { type: "string" },
  entry: { type: "string", multiple: true },
  anchor: { type: "string", multiple: true },
  intermediate: { type: "string", multiple: true },
  route: { type: "string", multiple: true },
  deny: { type: "string", multiple: true },
} as const;

type Values = ReturnType<typeof parse>["values"];

/** Removes all named parts in one step, so that parts that need each other can be removed together. */
export function removeFromPolicy(args: string[]): number {
  const { values, given } = parse(args);
  const { sender = [], from, entry = [], anchor = [], intermediate = [], route = [], deny = [] } = values;
  if ([sender, entry, anchor, intermediate, route, deny].flat().length === 0)
    throw new UsageError("nothing to remove: --sender, --entry, --anchor, --intermediate, --route or --deny");
  if (from !== undefined && sender.length === 0)
    throw new UsageError("--from needs --sender: it removes the sender from this route only");
  const file = fileToChange(values, given);
  const edit = editPolicy(file, (draft) => remove(file, draft, values));
  const isDryRun = values["dry-run"];
  writeEdit(edit, isDryRun);
  // Lists the parts that nothing uses any more, because the user may want to remove them next.
  const next = edit.findings.filter(({ isUnused }) => isUnused).map(formatFinding);
  if (values.json) printJson({ ...describeEdit(edit, isDryRun), digest: edit.policy.digest, next });
  else print([...formatEdit(edit, isDryRun), ...(next.length === 0 ? [] : ["", ...next])]);
  return 0;
}

function parse(args: string[]) {
  return parseOptions(args, OPTIONS);
}

/** Removes the parts from the draft. @throws UsageError that names all parts that do not exist */
function remove(
  file: string,
  draft: PolicyDraft,
  { sender = [], from, entry = [], anchor = [], intermediate = [], route = [], deny = [] }: Values,
): void {
  const entries = entry.map((text) => readEntry(draft, text));
  const denied = deny.map((text) => readIndex("deny", text, draft.deny?.length ?? 0));
  const faults = [
    ...sender.flatMap((name) => missing("sender", name, draft.senders)),
    ...anchor.flatMap((name) => missing("anchor", name, draft.anchors)),
    ...intermediate.flatMap((name) => missing("intermediate", name, draft.intermediates ?? {})),
    ...route.flatMap((path) => missing("route", path, draft.routes)),
    ...(from === undefined ? [] : missing("from", from, draft.routes)),
    ...[...entries, ...denied].flatMap((found) => (typeof found === "string" ? [found] : [])),
  ];
  if (faults.length > 0) throw new UsageError(`${file}: ${faults.join("; ")}`);
  if (from !== undefined) takeOff(draft, from, sender);
  else for (const name of sender) removeSender(draft, name);
  removeEntries(
    draft,
    entries.filter((found) => typeof found !== "string"),
  );
  for (const name of anchor) removeAnchor(draft, name);
  for (const name of intermediate) delete draft.intermediates?.[name];
  if (intermediate.length > 0 && Object.keys(draft.intermediates ?? {}).length === 0) delete draft.intermediates;
  for (const path of route) delete draft.routes[path];
  const kept = draft.deny?.filter((_, index) => !denied.includes(index));
  if (kept?.length === 0 && denied.length > 0) delete draft.deny;
  else if (kept !== undefined) draft.deny = kept;
}

function missing(option: string, name: string, holder: Readonly<Record<string, unknown>>): string[] {
  if (Object.hasOwn(holder, name)) return [];
  const known = Object.keys(holder);
  return [
    `--${option} ${name}: the policy has none of this name; it has ${known.length === 0 ? "none at all" : known.join(", ")}`,
  ];
}

/** Parses the index of an entry. @returns the index, or a text that says what is wrong */
function readIndex(option: string, text: string, count: number): number | string {
  if (/^\d{1,9}$/.test(text) && Number(text) < count) return Number(text);
  const there = count === 0 ? "there is none" : `there are 0 to ${count - 1}, as policy show numbers them`;
  return `--${option} ${text} is no number of an entry: ${there}`;
}

interface Entry {
  readonly sender: string;
  readonly index: number;
}

/** Parses SENDER/NUMBER. The name of a sender contains no slash. */
function readEntry(draft: PolicyDraft, text: string): Entry | string {
  const [, sender, number] = /^(.+)\/([^/]*)$/s.exec(text) ?? [];
  if (sender === undefined || number === undefined) return `--entry ${text} is not SENDER/NUMBER`;
  const [fault] = missing("entry", sender, draft.senders);
  if (fault !== undefined) return fault;
  const index = readIndex("entry", number, draft.senders[sender]?.certificates?.length ?? 0);
  return typeof index === "string" ? index.replace(number, text) : { sender, index };
}

function removeEntries({ senders }: PolicyDraft, entries: readonly Entry[]): void {
  for (const [name, sender] of Object.entries(senders)) {
    const gone = entries.flatMap((entry) => (entry.sender === name ? [entry.index] : []));
    if (gone.length > 0) sender.certificates = sender.certificates?.filter((_, index) => !gone.includes(index)) ?? [];
  }
}

/**
 * Removes the sender, and its name from every route. If a route has no sender left, the result does not compile, and the error
 * names the route.
 */
function removeSender(draft: PolicyDraft, name: string): void {
  delete draft.senders[name];
  for (const route of Object.values(draft.routes)) {
    route.senders = route.senders.filter((one) => one !== name);
    const shadow = route.shadow?.filter((one) => one !== name);
    if (shadow?.length === 0) delete route.shadow;
    else if (shadow !== undefined) route.shadow = shadow;
  }
}

/** Removes these senders from the route. @throws UsageError if one of them is not on the route */
function takeOff(draft: PolicyDraft, path: string, names: readonly string[]): void {
  const route = draft.routes[path];
  const strangers = names.filter((name) => !route?.senders.includes(name));
  if (route === undefined || strangers.length > 0)
    throw new UsageError(`--from ${path}: ${strangers.join(", ")} is no sender of this route`);
  route.senders = route.senders.filter((name) => !names.includes(name));
}

/** Removes the anchor, and its name from every sender's trust. */
function removeAnchor(draft: PolicyDraft, name: string): void {
  delete draft.anchors[name];
  for (const { trust } of Object.values(draft.senders))
    if (trust?.anchors !== undefined) trust.anchors = trust.anchors.filter((one) => one !== name);
}
