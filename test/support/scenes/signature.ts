// One event, with its signatures in every scheme and by two keys. `openssl dgst -hmac` and `openssl pkeyutl -sign -rawin` computed
// the signatures for exactly the body of this event.

import type { SignatureSchemeName } from "../../../core/signature/schemes.ts";
import {
  importSignatureKey,
  type SignatureKey,
  type SignatureMethod,
  SignedRequest,
  verifyWebhookSignature,
} from "../../../core/signature/verify.ts";

export const NOW = 1_700_000_000;
export const BODY = '{"event":"order.paid","amount":12.50,"note":"Grüße 🦊"}';
export const KEY = "mZ0vK1yqkq3mXcY7bq8a2xJp0Q4Jt0uH1l9r6s5e4wE=";
export const OTHER_KEY = "nQ8kq5Yw2r0c7uJ1xT6b4mV9pL3sZ8eD5hA2gF7jK0I=";

/** The schemes with HMAC. Discord's scheme uses only Ed25519, and has its own tests. */
export type HmacScheme = Exclude<SignatureSchemeName, "discord">;

/** The headers of a request in one scheme, and two signatures of the body: one by KEY and one by OTHER_KEY. */
interface SignedEvent {
  /** The name of the header that contains the signature. */
  readonly header: string;
  readonly tag: string;
  readonly signatures: readonly [string, string];
  readonly others: Readonly<Record<string, string>>;
  readonly key: string;
  readonly otherKey: string;
  /** The text between two signatures, if one header may have several. */
  readonly separator?: string;
}

const TEXT_KEYS = { key: KEY, otherKey: OTHER_KEY };
const BODY_HEX = [
  "6d89310c0789c53ce3e91b54aac8cef5bcce83f8e8de100731ffb91e470302a3",
  "e00787804210a24537fe915490509145fdad30129edbde0f6370b7ab5c7be713",
] as const;
const HUB = { ...TEXT_KEYS, header: "x-hub-signature-256", tag: "sha256=", signatures: BODY_HEX, others: {} };

/**
 * The key and the signatures for Slack and for Zoom. The signatures of Slack and Zoom are equal, because both schemes sign the same
 * text.
 */
const VERSION_ZERO = {
  ...TEXT_KEYS,
  tag: "v0=",
  signatures: [
    "a4a751f5ec6259c820dba1e8a2d7a599f1d9d51c7670ba0763f6bad07495b15e",
    "7f80bcf295594b9a440cf06cf537f28f4f2d1fdd13420d2aab7fae6491f0f862",
  ],
} as const;

const standard = (name: string): SignedEvent => ({
  header: `${name}-signature`,
  tag: "v1,",
  signatures: ["UnkWf8Cb2d4eMiP/Ziee67XMpIpjZfoBZKkntUuyffM=", "2FmIplQsXftIR5nUOPRelf7qN0YjOO2RaubFA+BNSlI="],
  others: { [`${name}-id`]: "msg_1", [`${name}-timestamp`]: String(NOW) },
  key: `whsec_${KEY}`,
  otherKey: `whsec_${OTHER_KEY}`,
  separator: " ",
});

export const EVENTS: Readonly<Record<HmacScheme, SignedEvent>> = {
  docusign: {
    ...TEXT_KEYS,
    header: "x-docusign-signature-1",
    tag: "",
    signatures: ["bYkxDAeJxTzj6RtUqsjO9bzOg/jo3hAHMf+5HkcDAqM=", "4AeHgEIQokU3/pFUkFCRRf2tMBKe294PY3C3q1x75xM="],
    others: { "x-authorization-digest": "HMACSHA256", "x-docusign-accountid": "8B2E4CF1-0000-4000-8000-00000000000A" },
  },
  meta: HUB,
  github: HUB,
  pagerduty: {
    ...TEXT_KEYS,
    header: "x-pagerduty-signature",
    tag: "v1=",
    signatures: BODY_HEX,
    others: {},
    separator: ",",
  },
  slack: { ...VERSION_ZERO, header: "x-slack-signature", others: { "x-slack-request-timestamp": String(NOW) } },
  zoom: { ...VERSION_ZERO, header: "x-zm-signature", others: { "x-zm-request-timestamp": String(NOW) } },
  stripe: {
    ...TEXT_KEYS,
    header: "stripe-signature",
    tag: `t=${NOW},v1=`,
    signatures: [
      "2b5f973af8ae13284664aad6ddd383defadcb3d066d08368635fd6e0b29c268f",
      "7b1b4868064fb332a2dbf11a545e8d41d66eaa39c8ff4e935b9f3d7cd5a95a2e",
    ],
    others: {},
  },
  "standard-webhooks": standard("webhook"),
  svix: standard("svix"),
  twitch: {
    ...TEXT_KEYS,
    header: "twitch-eventsub-message-signature",
    tag: "sha256=",
    signatures: [
      "caca4f3020a7233335f1e451964f638d2fb1cd73736e7981ac20c8e51fcdbef0",
      "ab3a2964ea6007927dc93d4db87a120437c1bb1cd5f11f2372069d6e304f853a",
    ],
    others: {
      "twitch-eventsub-message-id": "msg_1",
      "twitch-eventsub-message-timestamp": "2023-11-14T22:13:20.123456789Z",
    },
  },
  x: {
    ...TEXT_KEYS,
    header: "x-twitter-webhooks-signature",
    tag: "sha256=",
    signatures: ["bYkxDAeJxTzj6RtUqsjO9bzOg/jo3hAHMf+5HkcDAqM=", "4AeHgEIQokU3/pFUkFCRRf2tMBKe294PY3C3q1x75xM="],
    others: {},
  },
  asana: { ...TEXT_KEYS, header: "x-hook-signature", tag: "", signatures: BODY_HEX, others: {} },
};

/** Two public keys, each with a signature of the event by the matching private key. The event has `webhook-id: msg_1`. */
export const ED25519 = {
  key: "whpk_AnRHq4LoxNPk3ONM7j1w4HxsmEF0UT06Ik9VLnDq3K4=",
  signature: "CW2zQQF+nAluN3o5qOFkJBS7jiZo4y3QhwTu1cMhCula6WVHKO/CsFAu+oNGg/RLlYGut0Scx6ZT8B3uOSzSAQ==",
  otherKey: "whpk_ixqqQPRswFd0wikSAY34Tpg7oc8GxwyU7TTsLPQFR0E=",
  otherSignature: "WSQwfdeuvNvwA0GX0Ph+rKDYOtsfwyr49ipDIioFtzi6c+kxjMT2lUzhPkZf0hsR+VEInZJQ/viARpgRqOJIBg==",
};

export const SCHEMES = Object.keys(EVENTS) as HmacScheme[];

/**
 * Two public keys, each with a signature of the event by the matching private key, in Discord's scheme. The command
 * `openssl pkeyutl -sign -rawin` made the signatures.
 */
export const DISCORD = {
  key: "1a4ae1db473b78db42f57ceda8c5360fbeb0e84cf3c44e7adc850aa0cabd412d",
  signature:
    "509c02a9da48498b7a98d450178abf7084dff8fb6fc4e3dfbd48260673d5706fc939fbe03c65b7daea92c4aee8ae1451f06bb9ab4a685d273ce03d5db8938e07",
  otherKey: "bf03b3d4dcf61934c467ca775ea7984074f7ab23ed8d80e6522f5a5c90185440",
  otherSignature:
    "7e693407edb85353ebb543a9de43d38d80e86355ff1f68cd5b4d6249e2c52f892f717ab81277722fc35936c791065c07a024e47f7c79904366f9e3deba3e250e",
};

export interface Attempt {
  readonly keys?: readonly string[];
  readonly accounts?: Readonly<Record<string, readonly string[]>>;
  readonly retired?: readonly string[];
  /** Headers to add to the event. `null` removes a header. */
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly now?: number;
}

/** Returns the headers of the scheme's event. KEY signed the event. */
export function headersOf(scheme: HmacScheme, changes: Attempt["headers"] = {}): Headers {
  const { header, tag, signatures, others } = EVENTS[scheme];
  const all = Object.entries({ ...others, [header]: tag + signatures[0], ...changes });
  return new Headers(all.filter((entry): entry is [string, string] => entry[1] !== null));
}

/** Applies these changes to the scheme's event. Then verifies the signature, by default with KEY. */
export async function attempt(scheme: HmacScheme, changes: Attempt = {}): Promise<SignatureMethod> {
  const importAll = (secrets: readonly string[]): SignatureKey[] =>
    secrets.map((secret) => importSignatureKey(scheme, secret));
  const accounts = Object.entries(changes.accounts ?? {}).map(([id, secrets]) => [id, importAll(secrets)] as const);
  const keys = {
    scheme,
    keys: importAll(changes.keys ?? [EVENTS[scheme].key]),
    accounts: new Map(accounts),
    retired: importAll(changes.retired ?? []),
  };
  const { body = BODY, now = NOW } = changes;
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return await verifyWebhookSignature(keys, new SignedRequest(headersOf(scheme, changes.headers), bytes, now));
}
