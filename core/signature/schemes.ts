// Describes how each sender signs: in which headers, in which form, over which bytes. This is only a table. Nothing here verifies.

import { MAX_NUMBERED_SIGNATURES } from "../wire.ts";

/** The way in which a sender signs: with HMAC-SHA256, with Ed25519, or with either. Header names are in lower case. */
export interface SignatureScheme {
  /** The headers that hold signatures. They are read in this order, up to the first header that is missing. */
  readonly headers: readonly [string, ...string[]];
  readonly encoding: "hex" | "base64";
  /**
   * The prefixes that the parts of a header can have. A prefix says whether its part is a signature (`hmac`, `ed25519`) or the
   * timestamp.
   */
  readonly tags: readonly (readonly [tag: string, kind: "hmac" | "ed25519" | "timestamp"])[];
  /** The separator between the parts of one header, if one header may hold several parts. Parts with an unknown tag are skipped. */
  readonly separator?: "," | " ";
  /** The header with the signed timestamp, if the timestamp is not a part of the signature header. */
  readonly timestamp?: string;
  /** Set if the timestamp is a date of RFC 3339 and not a number of Unix seconds. */
  readonly hasDate?: true;
  readonly id?: string;
  /** Returns the text that comes before the raw body in the signed bytes. */
  readonly prefix?: (timestamp: string, id: string) => string;
  /** The header whose value selects the keys. The header is not signed, so it is used for nothing else. */
  readonly account?: string;
  /** A header, and the value that it must have if it is present. */
  readonly algorithm?: readonly [header: string, value: string];
  /**
   * Set if the body of every event is a JSON object. Then a body that does not begin with `{` is refused, which prevents two
   * attacks. The answer to a challenge may be our signature of a text that the asker chose. This text has no `{`, so the asker
   * cannot send it as an event with our signature. And nobody can move the end of a signed id or timestamp into the body.
   */
  readonly hasObject?: true;
  /** The form of a configured key: base64 (`whsec_…`), or a public key in hex. Otherwise the key is the text itself. */
  readonly keys?: "base64" | "hex";
}

/**
 * The list has one header more than the limit. This last header is forwarded too, so that a verifier behind the edge also sees that
 * there are too many signatures.
 */
const DOCUSIGN_HEADERS = Array.from(
  { length: MAX_NUMBERED_SIGNATURES + 1 },
  (_, index) => `x-docusign-signature-${index + 1}`,
) as [string, ...string[]];

const HUB: SignatureScheme = { headers: ["x-hub-signature-256"], encoding: "hex", tags: [["sha256=", "hmac"]] };

/** The scheme of Slack. Zoom uses it too, with other header names. */
const versionZero = (signature: string, timestamp: string): SignatureScheme => ({
  headers: [signature],
  encoding: "hex",
  tags: [["v0=", "hmac"]],
  timestamp,
  prefix: (time) => `v0:${time}:`,
});

/** The scheme of Standard Webhooks 1.0.0. Svix uses the same scheme with other header names. */
const standard = (name: string): SignatureScheme => ({
  headers: [`${name}-signature`],
  encoding: "base64",
  tags: [
    ["v1,", "hmac"],
    ["v1a,", "ed25519"],
  ],
  separator: " ",
  timestamp: `${name}-timestamp`,
  id: `${name}-id`,
  prefix: (timestamp, id) => `${id}.${timestamp}.`,
  keys: "base64",
});

const SCHEMES = {
  docusign: {
    headers: DOCUSIGN_HEADERS,
    encoding: "base64",
    tags: [["", "hmac"]],
    account: "x-docusign-accountid",
    algorithm: ["x-authorization-digest", "HMACSHA256"],
  },
  meta: HUB,
  github: HUB,
  pagerduty: { headers: ["x-pagerduty-signature"], encoding: "hex", tags: [["v1=", "hmac"]], separator: "," },
  slack: versionZero("x-slack-signature", "x-slack-request-timestamp"),
  zoom: versionZero("x-zm-signature", "x-zm-request-timestamp"),
  stripe: {
    headers: ["stripe-signature"],
    encoding: "hex",
    tags: [
      ["v1=", "hmac"],
      ["t=", "timestamp"],
    ],
    separator: ",",
    prefix: (timestamp) => `${timestamp}.`,
  },
  "standard-webhooks": standard("webhook"),
  svix: standard("svix"),
  twitch: {
    headers: ["twitch-eventsub-message-signature"],
    encoding: "hex",
    tags: [["sha256=", "hmac"]],
    timestamp: "twitch-eventsub-message-timestamp",
    hasDate: true,
    id: "twitch-eventsub-message-id",
    prefix: (timestamp, id) => id + timestamp,
    hasObject: true,
  },
  discord: {
    headers: ["x-signature-ed25519"],
    encoding: "hex",
    tags: [["", "ed25519"]],
    timestamp: "x-signature-timestamp",
    prefix: (timestamp) => timestamp,
    hasObject: true,
    keys: "hex",
  },
  x: { headers: ["x-twitter-webhooks-signature"], encoding: "base64", tags: [["sha256=", "hmac"]], hasObject: true },
  asana: { headers: ["x-hook-signature"], encoding: "hex", tags: [["", "hmac"]] },
} as const satisfies Readonly<Record<string, SignatureScheme>>;

export type SignatureSchemeName = keyof typeof SCHEMES;

export const SIGNATURE_SCHEMES: Readonly<Record<SignatureSchemeName, SignatureScheme>> = SCHEMES;
export const SIGNATURE_SCHEME_NAMES = Object.keys(SCHEMES) as readonly SignatureSchemeName[];

/** The names of the headers of this request that verification reads. */
export function signatureHeaderNames(name: SignatureSchemeName, headers: Headers): string[] {
  const { headers: signatures, timestamp, id, account, algorithm } = SIGNATURE_SCHEMES[name];
  const missing = signatures.findIndex((header) => !headers.has(header));
  const others = [timestamp, id, account, algorithm?.[0]];
  return [
    ...signatures.slice(0, missing < 0 ? undefined : missing),
    ...others.filter((other) => other !== undefined && headers.has(other)),
  ] as string[];
}
