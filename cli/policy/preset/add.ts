// Writes a whole preset into a policy document. Afterwards, the policy does not depend on the preset. Existing parts of the policy
// are never replaced. If an existing anchor or sender differs from the preset, it is an error. An existing route keeps its
// settings, except its mode if the user gives a mode.

import { isDeepStrictEqual } from "node:util";
import { HANDSHAKE_SCHEMES } from "../../../core/handshake/schemes.ts";
import { type Certificate, formatPem } from "../../../core/x509/certificate.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import { askWhether } from "../../arguments/nearest.ts";
import { UsageError } from "../../command.ts";
import type { Preset } from "../../presets/preset.ts";
import { PRESETS } from "../../presets/presets.ts";
import {
  type Match,
  type MatcherDocument,
  type PolicyDraft,
  type RouteDraft,
  readMatchers,
  type SenderDraft,
} from "../draft.ts";
import { resolveAnchors } from "./anchors.ts";
import { readBodyValues } from "./body-values.ts";

export interface PresetAddition {
  readonly preset: string;
  /** The name of the sender. Default: the name of the preset. */
  readonly sender: string | undefined;
  /** The path of the first route. Default: `/hooks/` followed by the name of the sender. */
  readonly route: string | undefined;
  /** The options `NAME=FILE` for anchors that the preset does not have, or whose certificate is in no public store. */
  readonly anchors: readonly string[];
  /** The options `NAME=VALUE` for values of the body that only the operator knows. */
  readonly values: readonly string[];
  /**
   * PEM files of certificates that are accepted in addition to the certificates of the preset. `match` says what is compared: the
   * name, the key or the whole certificate. If `match` is undefined, `readMatchers` decides.
   */
  readonly certificates: readonly string[];
  readonly match: Match | undefined;
  /** The mode `observe` or `enforce`. Undefined means the preset's mode or, for an existing route, no change. */
  readonly mode: string | undefined;
}

/** Returns the preset with this name. @throws UsageError that lists the existing presets */
export function findPreset(name: string): Preset {
  const names = Object.keys(PRESETS);
  const preset = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (preset === undefined)
    throw new UsageError(
      `there is no preset ${JSON.stringify(name)}${askWhether(name, names) || `: there are ${names.join(", ")}`}`,
    );
  return preset;
}

/**
 * Adds the preset's anchors, its senders and its routes.
 * @returns the names of the senders
 * @throws UsageError
 */
export function addPreset(document: PolicyDraft, addition: PresetAddition): readonly string[] {
  const preset = findPreset(addition.preset);
  const name = addition.sender ?? addition.preset;
  const anchors = addAnchors(document, preset, addition);
  const given = addition.certificates.flatMap((file) => readMatchers(file, addition.match));
  if (preset.sender.trust === undefined && anchors.size + given.length > 0)
    throw new UsageError(`${preset.title} presents no certificate, so that --anchor and --certificate have no effect`);
  const { body, others, isOther } = readBodyValues(addition.preset, preset, addition.values);
  const sender = {
    ...senderOf(addition.preset, preset, [...anchors.keys()], given),
    ...handshakeOf(preset, knownSender(document, name)),
  };
  addSender(document, name, { ...sender, ...(body.length > 0 && { body }) });
  const other = `${name}-other`;
  if (others !== undefined) addSender(document, other, { ...sender, about: { ...sender.about, note: others } });
  const path = addition.route ?? `/hooks/${name}`;
  const route = routeOf(preset, given.length > 0);
  for (const suffix of ["", ...(preset.suffixes ?? [])])
    addRoute(document, `${path}${suffix}`, isOther(suffix) ? other : name, route, addition.mode);
  return others === undefined ? [name] : [name, other];
}

function addAnchors(document: PolicyDraft, preset: Preset, addition: PresetAddition): Map<string, Certificate> {
  const anchors = resolveAnchors(document, preset, addition.anchors);
  if (preset.sender.trust !== undefined && anchors.size === 0)
    throw new UsageError(
      `the preset ${addition.preset} has no anchor: give the CA of the sender's certificate as --anchor NAME=FILE`,
    );
  for (const [anchor, { base64 }] of anchors) {
    // resolveAnchors() has checked that an existing anchor has the same certificate. The existing anchor is not replaced, because
    // it may have revocation lists.
    if (!Object.hasOwn(document.anchors, anchor)) document.anchors[anchor] = formatPem(base64);
  }
  return anchors;
}

/** Some handshakes must have an end. Such a handshake ends this number of seconds after `policy add` wrote it. */
const OPEN_SECONDS = 86_400;

/**
 * Returns the preset's handshake with its end (`until`). Returns an empty object if the preset has no handshake, or a handshake
 * that needs no end. If the policy already has the sender (`known`), the end in the policy is kept.
 */
function handshakeOf(
  { sender: { handshake } }: Preset,
  known: SenderDraft | undefined,
): Pick<SenderDraft, "handshake"> {
  if (handshake === undefined || !HANDSHAKE_SCHEMES[handshake.scheme].hasEnd) return {};
  const end = formatTime(Math.floor(Date.now() / 1000) + OPEN_SECONDS);
  return { handshake: { ...handshake, until: known?.handshake?.until ?? end } };
}

function senderOf(presetName: string, preset: Preset, anchors: string[], given: MatcherDocument[]): SenderDraft {
  const { sources, checked, notes, sender } = preset;
  const { certificates = [], trust, ...members } = sender;
  return {
    about: { preset: presetName, sources: [...sources], checked, note: notes.join(" ") },
    ...members,
    ...(trust !== undefined && {
      certificates: [...certificates, ...given],
      trust: { ...trust, anchors },
    }),
  };
}

/** Returns the preset's route. If the preset has no certificates and the user gives one, the route enforces at once. */
function routeOf({ sender, route }: Preset, isGiven: boolean): Omit<RouteDraft, "senders"> {
  const isRecognized = isGiven && sender.certificates?.length === 0;
  return { ...route, mode: isRecognized ? "enforce" : (route.mode ?? "enforce") };
}

function knownSender({ senders }: PolicyDraft, name: string): SenderDraft | undefined {
  return Object.hasOwn(senders, name) ? senders[name] : undefined;
}

function addSender(document: PolicyDraft, name: string, sender: PolicyDraft["senders"][string]): void {
  const known = knownSender(document, name);
  const different = known === undefined ? [] : differences(known, sender);
  if (different.length > 0)
    throw new UsageError(
      `the policy has a sender ${name} already, with another ${different.join(", ")}; nothing was changed. ` +
        "Give the new sender another name with --sender NAME, or remove the old sender from the file. " +
        `To accept one more certificate of it: countersign policy add --sender ${name} --certificate FILE`,
    );
  document.senders[name] = sender;
}

function differences(known: object, wanted: object): string[] {
  const [before, after] = [known, wanted].map((members) => new Map(Object.entries(members)));
  const names = new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])]);
  return [...names].filter((name) => !isDeepStrictEqual(before?.get(name), after?.get(name)));
}

/**
 * Adds the route, or adds the sender to an existing route. An existing route keeps its settings, because other senders rely on
 * them. Its mode changes only if a mode is given.
 */
function addRoute(
  document: PolicyDraft,
  path: string,
  sender: string,
  route: Omit<RouteDraft, "senders">,
  mode: string | undefined,
): void {
  const known = Object.hasOwn(document.routes, path) ? document.routes[path] : undefined;
  if (known === undefined) document.routes[path] = { senders: [sender], ...route };
  else if (!known.senders.includes(sender)) known.senders.push(sender);
  if (mode !== undefined && document.routes[path] !== undefined) document.routes[path].mode = mode;
}
