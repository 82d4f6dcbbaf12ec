// `countersign policy add` adds a preset, CA certificates, a sender or a route to a policy document. The result is compiled before
// it is written.

import { isDeepStrictEqual } from "node:util";
import { ConfigurationError } from "../../core/configuration-error.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { formatPem } from "../../core/x509/certificate.ts";
import { parseChoice } from "../arguments/values.ts";
import { parseOptions, UsageError } from "../command.ts";
import { print, printJson } from "../output.ts";
import { formatFinding } from "./check/finding.ts";
import {
  describeAnchors,
  describeCertificates,
  MATCHES,
  type Match,
  type PolicyDraft,
  readAnchorOption,
  readMatchers,
  readNamedAuthorities,
  requireOwnName,
} from "./draft.ts";
import {
  describeEdit,
  EDIT_OPTIONS,
  editPolicy,
  fileToChange,
  formatEdit,
  type PolicyEdit,
  writeEdit,
} from "./edit.ts";
import { addPreset } from "./preset/add.ts";
import { nextSteps } from "./preset/steps.ts";
import { formatSummary, summarize } from "./summary.ts";

const OPTIONS = {
  ...EDIT_OPTIONS,
  preset: { type: "string" },
  anchor: { type: "string", multiple: true },
  value: { type: "string", multiple: true },
  intermediate: { type: "string", multiple: true },
  sender: { type: "string" },
  certificate: { type: "string", multiple: true },
  match: { type: "string" },
  route: { type: "string" },
  host: { type: "string" },
  mode: { type: "string" },
  anyway: { type: "boolean", default: false },
} as const;

export async function addToPolicy(args: string[]): Promise<number> {
  const { values, given } = parseOptions(args, OPTIONS);
  if (given.has("match") && !given.has("certificate"))
    throw new UsageError(
      "--match has no effect without --certificate: it says which part of the certificate is compared",
    );
  if (given.has("anyway") && !given.has("certificate"))
    throw new UsageError("--anyway has no effect without --certificate: it adds a certificate that would be refused");
  if (given.has("value") && !given.has("preset"))
    throw new UsageError("--value has no effect without --preset: a preset says which values of the body it compares");
  const {
    anchor: anchors = [],
    value: bodyValues = [],
    intermediate: intermediates = [],
    certificate: certificates = [],
  } = values;
  const { preset, sender } = values;
  const route = routeOn(values.host, values.route);
  const match = values.match === undefined ? undefined : parseChoice("--match", values.match, MATCHES);
  const mode = values.mode && parseChoice("--mode", values.mode, ["observe", "enforce"]);
  const addition = { preset, anchors, values: bodyValues, intermediates, sender, certificates, match, route, mode };
  requireSomething(addition);
  const isDryRun = values["dry-run"];
  const { edit, sender: added, next: steps } = extendPolicy(fileToChange(values, given), addition);
  const notes = await foreseen(edit, added, certificates, values.anyway);
  writeEdit(edit, isDryRun);
  const next = [...notes, ...steps];
  const summary = summarize(edit.policy);
  if (values.json) printJson({ ...describeEdit(edit, isDryRun), ...summary, next });
  else print([...formatEdit(edit, isDryRun), "", ...formatSummary(summary), ...formatSteps(next)]);
  return 0;
}

/** Returns the name of the route in the policy: the host if one is given, followed by the path. @throws UsageError */
function routeOn(host: string | undefined, path: string | undefined): string | undefined {
  if (host === undefined) return path;
  if (path === undefined || !path.startsWith("/"))
    throw new UsageError(`--host ${host} needs --route with a path like /hooks/acme: together they name the route`);
  return `${host}${path}`;
}

/**
 * Returns notes on the certificates.
 * @throws ConfigurationError if a certificate would never be accepted, unless `--anyway` is given
 */
async function foreseen(edit: PolicyEdit, sender: string | undefined, files: readonly string[], isInsisted: boolean) {
  if (sender === undefined || files.length === 0) return [];
  const { foresee } = await import("./foresight.ts");
  // The cast is safe, because a document that compiles has the form of the schema.
  const document = edit.document as PolicyDocument;
  const { faults, notes } = await foresee(edit.file, document, edit.policy, sender, files);
  if (faults.length > 0 && !isInsisted)
    throw new ConfigurationError(
      `${sender} would be refused with this certificate, so nothing was written (with --anyway, it is written)`,
      faults,
    );
  return [...faults, ...notes];
}

function formatSteps(steps: readonly string[]): string[] {
  return steps.length === 0 ? [] : ["", "next steps", ...steps.map((step) => `  - ${step}`)];
}

export interface PolicyAddition {
  readonly preset: string | undefined;
  /** The options `NAME=FILE` for CA certificates. */
  readonly anchors: readonly string[];
  /** The options `NAME=VALUE` for the values of the body that a preset compares. */
  readonly values: readonly string[];
  /** The options `NAME=FILE` for CA certificates that may complete a path. */
  readonly intermediates: readonly string[];
  readonly sender: string | undefined;
  /**
   * PEM files of certificates of the sender. `match` is the part that is compared: name, key or certificate. If it is undefined,
   * `readMatchers` chooses it.
   */
  readonly certificates: readonly string[];
  readonly match: Match | undefined;
  readonly route: string | undefined;
  /** The mode `observe` or `enforce`. Undefined means no change. */
  readonly mode: string | undefined;
}

/**
 * Extends a policy file, or creates one, in memory.
 * @returns the change, the sender that it concerns (the first, if a preset adds two), and the steps that remain
 * @throws UsageError, ConfigurationError
 */
export function extendPolicy(
  file: string,
  addition: PolicyAddition,
): { edit: PolicyEdit; sender: string | undefined; next: string[] } {
  requireOwnName("sender", addition.sender);
  requireOwnName("route", addition.route);
  const { preset } = addition;
  let senders: readonly string[] = [];
  const add = (draft: PolicyDraft) => {
    addIntermediates(draft, addition.intermediates);
    senders = preset === undefined ? addParts(draft, addition) : addPreset(draft, { ...addition, preset });
  };
  const edit = editPolicy(file, add, true);
  const notes = [
    ...describeAnchors(addition.anchors),
    ...describeCertificates(addition.certificates),
    // editPolicy() refuses a change if an error in the new policy would prevent the start of a program. So the errors that are left
    // here are about dates. They are reported, but do not prevent this change.
    ...edit.findings.filter(({ severity }) => severity === "error").map(formatFinding),
  ];
  return { edit, sender: senders[0], next: [...notes, ...nextSteps(edit.document, senders, preset)] };
}

/** Checks the options without reading the policy file. @throws UsageError */
function requireSomething(addition: PolicyAddition): void {
  const { preset, anchors, intermediates, sender, certificates, route, mode } = addition;
  if (preset !== undefined) return;
  if (anchors.length + intermediates.length === 0 && sender === undefined)
    throw new UsageError("nothing to add: --preset, --anchor, --intermediate or --sender");
  if (sender === undefined && (route ?? certificates[0]) !== undefined)
    throw new UsageError("--route and --certificate need --sender");
  if (mode !== undefined && route === undefined) throw new UsageError("--mode needs --route");
}

/** Adds the anchors, the sender and the route that the options name. @returns the name of the sender, if there is one */
function addParts(document: PolicyDraft, addition: PolicyAddition): readonly string[] {
  const { sender, route } = addition;
  const isKnown = sender !== undefined && Object.hasOwn(document.senders, sender);
  if (isKnown && addition.anchors.length === 0 && addition.certificates.length === 0 && route === undefined)
    throw new UsageError(
      `--sender ${sender} has no effect: the policy has it, and no --anchor, --certificate or --route is given`,
    );
  const anchors = addAnchors(document, addition.anchors);
  if (sender !== undefined) addSender(document, sender, anchors, addition);
  if (sender !== undefined && route !== undefined) addRoute(document, route, sender, addition.mode);
  return sender === undefined ? [] : [sender];
}

function addSender(
  document: PolicyDraft,
  name: string,
  anchors: readonly string[],
  { certificates: files, match }: PolicyAddition,
): void {
  const isNew = !Object.hasOwn(document.senders, name);
  const sender = isNew ? { certificates: [], trust: {} } : (document.senders[name] ?? {});
  document.senders[name] = sender;
  const known = sender.certificates ?? [];
  // An entry that the sender already has is not added again. So a user can name the same certificate again to add a new anchor.
  const matchers = files
    .flatMap((file) => readMatchers(file, match))
    .filter((matcher) => !known.some((entry) => isDeepStrictEqual(entry, matcher)));
  if (matchers.length > 0) sender.certificates = [...known, ...matchers];
  if (anchors.length > 0)
    sender.trust = { ...sender.trust, anchors: [...new Set([...(sender.trust?.anchors ?? []), ...anchors])] };
}

function addRoute(document: PolicyDraft, path: string, sender: string, mode: string | undefined): void {
  document.routes[path] ??= { senders: [], methods: ["POST"] };
  const route = document.routes[path];
  if (!route.senders.includes(sender)) route.senders.push(sender);
  if (mode !== undefined) route.mode = mode;
}

function addAnchors(document: PolicyDraft, options: readonly string[]): string[] {
  return options.flatMap(readAnchorOption).map(({ name, certificate }) => {
    const pem = formatPem(certificate.base64);
    const known = document.anchors[name];
    // If the policy has the anchor already, only its certificate is replaced. Its revocation lists stay.
    document.anchors[name] = typeof known === "object" ? { ...known, certificate: pem } : pem;
    return name;
  });
}

function addIntermediates(document: PolicyDraft, options: readonly string[]): void {
  for (const { name, certificate } of options.flatMap((option) => readNamedAuthorities("intermediate", option)))
    document.intermediates = { ...document.intermediates, [name]: formatPem(certificate.base64) };
}
