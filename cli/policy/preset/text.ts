// Describes a preset: what it writes, and what its sender does. The command line and the pages of docs/senders show the same texts.
// In these texts, backticks mark code.

import type { AfterRefusal, AnchorSource, Preset, Renewal } from "../../presets/preset.ts";
import { describeSource } from "./anchors.ts";
import { findPublicRoot } from "./root-store.ts";

/** A label, and one or several values. */
export type Fact = readonly [label: string, values: readonly string[]];

/** Returns the command that writes the preset. */
export function commandOf(name: string, { sender, anchors, values = {} }: Preset): string {
  const missing = Object.entries(anchors).filter(([, source]) => originOf(source) === "file");
  const names = sender.trust?.anchors?.length === 0 ? ["NAME"] : missing.map(([key]) => key);
  const options = [
    ...names.map((key) => ` --anchor ${key}=FILE`),
    ...Object.keys(values).map((key) => ` --value ${key}=VALUE`),
  ];
  return `countersign policy add --preset ${name}${options.join("")}`;
}

function describeToken(token: NonNullable<Preset["sender"]["token"]>): string {
  const { header, pointer } = token;
  return header === undefined ? `at \`${pointer}\` of the JSON body` : `in the header \`${header}\``;
}

/** Describes the members that the preset writes into a policy. */
export function describeMembers(name: string, preset: Preset): Fact[] {
  const { sender, route, anchors, suffixes = [], values = {} } = preset;
  const { certificates, trust, signature, token, handshake, eventKey, refusal } = sender;
  const roots = Object.entries(anchors).map(([key, source]) => `\`${key}\`: ${describeAnchor(key, source)}`);
  const entries = certificates?.map((entry) => code(entry)) ?? ["none is required"];
  return [
    [
      "accepted certificates",
      entries.length > 0 ? entries : ["none is known: the route observes until you accept one"],
    ],
    ...(trust === undefined ? [] : [["anchors", roots.length > 0 ? roots : ["yours: `--anchor NAME=FILE`"]] as const]),
    ["signature", [signature === undefined ? "none" : `scheme \`${signature.scheme}\`, required`]],
    ...(token === undefined ? [] : [["token", [`${describeToken(token)}, required`]] as const]),
    ...Object.entries(values).flatMap(([key, { what, pointer, on, others }]): Fact[] => [
      ["values of the body", [`\`${pointer}\` must be one of \`--value ${key}=VALUE\`: ${what}`]],
      [
        `sender \`${name}-other\``,
        [
          `the same without these values, on every route but ${on.map((end) => `\`/hooks/${name}${end}\``).join(", ")}. ${others}`,
        ],
      ],
    ]),
    ["answered challenge", [handshake === undefined ? "none" : `that of \`${handshake.scheme}\``]],
    ["event key", [eventKey === undefined ? "none" : code(eventKey)]],
    ["routes", ["", ...suffixes].map((suffix) => `\`/hooks/${name}${suffix}\``)],
    ["of each route", [code(route)]],
    ...(refusal === undefined ? [] : [["refusal", [`\`${refusal}\`: ${REFUSALS[refusal]}`]] as const]),
  ];
}

const REFUSALS = {
  final: "each refusal is a 4xx",
  retry: "what you have to mend is answered with 503, so that the sender sends the event again",
  "retry-429": "what you have to mend is answered with 429, so that the sender sends the event again",
} as const;

/** Describes what the sender does. A fact that the preset does not contain is shown as not published. */
export function describeBehaviour({ behaviour, anchors }: Preset): Fact[] {
  const { handshake, afterRefusal, deadlineSeconds, largestBytes, renewal, tls } = behaviour;
  const lastClient = Object.values(anchors).flatMap((source) => ("lastClient" in source ? source.lastClient : []))[0];
  const parts: [string, string | undefined][] = [
    ["handshake", handshake],
    ["after a refusal", afterRefusal && describeAfterRefusal(afterRefusal)],
    ["expects the answer within", deadlineSeconds && `${deadlineSeconds} seconds`],
    ["largest event", largestBytes && `${largestBytes} bytes`],
    ["renewal", renewal && describeRenewal(renewal, lastClient)],
    ["TLS", tls?.map((version) => `TLS ${version}`).join(", ")],
  ].map(([label, text]) => [`${label}`, text || undefined]);
  return parts.map(([label, text]) => [label, [text ?? "not published"]]);
}

export function describeAfterRefusal(after: AfterRefusal): string {
  const { isFinal, isHandshakeFinal, also } = after;
  const parts = [
    isFinal ? "a 4xx other than 429 loses the event" : "a 4xx is retried like any other failure",
    ...(isHandshakeFinal ? ["so does a handshake that fails"] : []),
    describeRetries(after) ?? [],
    also ?? [],
  ].flat();
  return parts.join("; ");
}

/** Says for how many hours and how many times the sender sends an event again. Returns undefined if neither is published. */
export function describeRetries({ hours, attempts }: AfterRefusal): string | undefined {
  const texts = [
    ...(hours === undefined ? [] : [`for ${hours} hours`]),
    ...(attempts === undefined ? [] : [`${attempts} times at most`]),
  ];
  return texts.length === 0 ? undefined : `retries ${texts.join(", ")}`;
}

function describeRenewal({ days, ends, also }: Renewal, lastClient: string | undefined): string {
  const parts = [
    ...(days === undefined ? [] : [`after ${days} days at most`]),
    ...(ends === undefined ? [] : [`the published certificate ends on ${ends}`]),
    ...(lastClient === undefined ? [] : [`its CA issues no client certificate after ${lastClient}`]),
    ...(also === undefined ? [] : [also]),
  ];
  return parts.join("; ");
}

function describeAnchor(name: string, source: AnchorSource): string {
  const from = { node: "in Node's root store", preset: "in the preset", file: `\`--anchor ${name}=FILE\`` }[
    originOf(source)
  ];
  return `${describeSource(source)}, ${from}${"where" in source ? `, ${source.where}` : ""}`;
}

/**
 * Returns the place from which `policy add` gets the certificate: Node's own root store, the preset, or a file that the user gives
 * with the option `--anchor`.
 */
export function originOf(source: AnchorSource): "node" | "preset" | "file" {
  if ("pem" in source) return "preset";
  return "subject" in source && findPublicRoot(source.sha256) !== undefined ? "node" : "file";
}

function code(value: object): string {
  return `\`${JSON.stringify(value)}\``;
}
