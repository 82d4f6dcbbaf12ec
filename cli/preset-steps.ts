// What is left to do after `countersign policy add`, read from the policy as it now stands.

import type { PolicyDraft, RouteDraft } from "./policy-document.ts";
import { findPreset } from "./preset-addition.ts";
import type { Preset } from "./presets/preset.ts";

/** Steps for one sender, in their order. The preset's own are told when it is written, not at each addition after it. */
export function nextSteps(document: PolicyDraft, sender: string, presetName: string | undefined): string[] {
  const preset = presetName === undefined ? undefined : findPreset(presetName);
  const routes = Object.entries(document.routes).filter(([, route]) => route.senders.includes(sender));
  const isKnown = document.senders[sender]?.certificates?.length !== 0;
  return [
    ...(preset === undefined ? [] : secretSteps(preset)),
    ...(preset?.steps ?? []),
    ...routes.flatMap(([path, route]) => (preset === undefined ? [] : keptSettings(path, route, preset))),
    ...routes.flatMap(([path, { mode }]) => (mode === "observe" ? [observedStep(path, sender, isKnown)] : [])),
  ];
}

/** How to set each secret of a preset. */
export function secretSteps({ secrets }: Preset): string[] {
  return Object.entries(secrets).map(
    ([name, what]) =>
      `Set the secret ${name} (${what}): npx wrangler secret put ${name} at the edge, the variable ${name}, or ${name}_FILE with the name of a file, where an origin checks it.`,
  );
}

function observedStep(path: string, sender: string, isKnown: boolean): string {
  const enforce = `countersign policy add --sender ${sender} --route ${path} --mode enforce`;
  return isKnown
    ? `${path} observes: when its events are admitted as they should be, ${enforce}`
    : `No certificate of ${sender} is accepted yet, so ${path} refuses every event. countersign policy observed shows what it was presented with; accept what is the sender's: ${enforce} --certificate FILE`;
}

/** A route that was there before keeps its settings, which may be too tight for the preset. */
function keptSettings(path: string, route: RouteDraft, preset: Preset): string[] {
  const { maxBodyBytes } = preset.route;
  return maxBodyBytes !== undefined && route.maxBodyBytes !== maxBodyBytes
    ? [
        `${path} was there already and keeps maxBodyBytes ${route.maxBodyBytes ?? "at its default"}; the preset has ${maxBodyBytes}.`,
      ]
    : [];
}
