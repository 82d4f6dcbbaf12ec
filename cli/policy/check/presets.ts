// Compares a policy with what the presets know of its senders. A sender names its preset in `about`. The presets are loaded only if
// a sender names one.

import type { PolicyDocument, SenderDocument } from "../../../core/policy/schema.ts";
import { DEFAULT_MAX_BODY_BYTES } from "../../../core/wire.ts";
import type { Preset } from "../../presets/preset.ts";
import { type Finding, warningAt } from "./finding.ts";

/** The preset that the sender names, or undefined. */
export type FindPreset = (sender: SenderDocument | undefined) => Preset | undefined;

export async function loadPresetsOf({ senders }: PolicyDocument): Promise<FindPreset> {
  if (Object.values(senders).every(({ about }) => about?.preset === undefined)) return () => undefined;
  const { PRESETS } = await import("../../presets/presets.ts");
  return (sender) => {
    const name = sender?.about?.preset ?? "";
    return Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  };
}

/** Warns of events that will be lost, because the policy does not fit what the senders do. The document must compile. */
export async function inspectPresets(document: PolicyDocument): Promise<Finding[]> {
  const presetOf = await loadPresetsOf(document);
  return Object.entries(document.senders).flatMap(([name, sender]) => {
    const preset = presetOf(sender);
    return preset === undefined
      ? []
      : [...inspectRefusal(name, sender, preset), ...inspectSizes(name, preset, document)];
  });
}

/**
 * Warns if the sender does not retry an event after a 4xx, and the policy does not choose the status with which this sender's
 * requests are refused. Without this choice, a fault in the policy is answered with a 4xx, and the event is lost.
 */
function inspectRefusal(name: string, { refusal, certificates }: SenderDocument, { behaviour }: Preset): Finding[] {
  // A policy can choose the status of a refusal only for faults of certificates.
  if (certificates === undefined || refusal !== undefined || behaviour.afterRefusal?.isFinal !== true) return [];
  const problem = "drops an event for good at a 4xx, also if the fault is in this policy";
  return [warningAt(["senders", name], problem, 'write "refusal": "retry", or "final" if that is what you want')];
}

/** Warns of routes that refuse the largest events of a sender. */
function inspectSizes(name: string, { behaviour: { largestBytes } }: Preset, { routes }: PolicyDocument): Finding[] {
  if (largestBytes === undefined) return [];
  return Object.entries(routes).flatMap(([path, { senders, maxBodyBytes = DEFAULT_MAX_BODY_BYTES }]) => {
    if (!senders.includes(name) || maxBodyBytes >= largestBytes) return [];
    const problem = `refuses the largest events of ${name}, which have ${largestBytes} bytes`;
    return [warningAt(["routes", path, "maxBodyBytes"], problem, `write "maxBodyBytes": ${largestBytes}`)];
  });
}
