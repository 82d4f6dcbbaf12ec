// Lists the steps that remain after `countersign policy add`, according to the current policy.

import type { Preset } from "../../presets/preset.ts";
import type { PolicyDraft, RouteDraft } from "../draft.ts";
import { findPreset } from "./add.ts";
import { describeAfterRefusal } from "./text.ts";

/**
 * Returns the remaining steps for the senders of one addition, in order. The steps of the preset are included only when the preset
 * itself is added.
 */
export function nextSteps(document: PolicyDraft, senders: readonly string[], presetName: string | undefined): string[] {
  const preset = presetName === undefined ? undefined : findPreset(presetName);
  const routes = Object.entries(document.routes).filter(([, route]) =>
    senders.some((sender) => route.senders.includes(sender)),
  );
  return [
    ...(preset === undefined ? [] : secretSteps(preset)),
    ...(preset?.steps ?? []),
    ...afterRefusal(preset),
    ...routes.flatMap(([path, route]) => (preset === undefined ? [] : keptSettings(path, route, preset))),
    ...senders.flatMap((sender) =>
      observedSteps(
        routes.flatMap(([path, route]) => (route.mode === "observe" && route.senders.includes(sender) ? path : [])),
        sender,
        document.senders[sender]?.certificates?.length !== 0,
      ),
    ),
  ];
}

/**
 * Says what the sender does after a refusal. The user should know this before the first refusal, because afterwards it may be too
 * late.
 */
function afterRefusal(preset: Preset | undefined): string[] {
  const after = preset?.behaviour.afterRefusal;
  return after === undefined ? [] : [`After a refusal: ${describeAfterRefusal(after)}.`];
}

/** Returns a step for each secret of a preset. The step says how to set the secret. */
export function secretSteps({ secrets }: Preset): string[] {
  return Object.entries(secrets).map(
    ([name, what]) =>
      `Set the secret ${name} (${what}). At the edge: npx wrangler secret put ${name}. At an origin that checks it: the variable ${name}, or ${name}_FILE with the name of a file.`,
  );
}

/**
 * Returns the step for the first route, and short steps for the other routes. They are short because a certificate has to be
 * accepted only once.
 */
function observedSteps([path, ...others]: readonly string[], sender: string, isKnown: boolean): string[] {
  if (path === undefined) return [];
  const enforce = (route: string) => `countersign policy add --sender ${sender} --route ${route} --mode enforce`;
  const first = isKnown
    ? `${path} only observes: when its events are admitted correctly, run ${enforce(path)}`
    : `No certificate of ${sender} is accepted yet, so ${path} refuses every event. countersign policy observed shows the presented certificates. To accept those of the sender, run ${enforce(path)} --certificate FILE`;
  return [first, ...others.map((route) => `Then the same for ${route}: ${enforce(route)}`)];
}

/**
 * Returns a note if the limit of the body differs between an existing route and the preset. The route keeps its own limit, which
 * may be too low for the events of the preset.
 */
function keptSettings(path: string, route: RouteDraft, preset: Preset): string[] {
  const { maxBodyBytes } = preset.route;
  return maxBodyBytes !== undefined && route.maxBodyBytes !== maxBodyBytes
    ? [
        `${path} existed already and keeps maxBodyBytes ${route.maxBodyBytes ?? "at its default"}; the preset has ${maxBodyBytes}.`,
      ]
    : [];
}
