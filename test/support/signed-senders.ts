// Senders that sign: a policy with a sender for every scheme, and signatures of these senders. No code under test makes the
// signatures.

import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { HeaderList } from "./http.ts";
import { ACME } from "./senders.ts";

const ed25519 = generateKeyPairSync("ed25519");
const rawPublicKey = (key: KeyObject) => Buffer.from(String(key.export({ format: "jwk" }).x), "base64url");

/** The secrets of the senders. The policy contains only the names of these secrets. */
export const SECRETS = {
  DOCUSIGN_HMAC_KEY: "yoxTD6V6QLlPnVH2ugjh8shUDpPNS+Zkyl5UVzHmVBQ=",
  DOCUSIGN_OLD_KEY: "8shUDpPNS+Zkyl5UVzHmVBQyoxTD6V6QLlPnVH2ugjh=",
  DOCUSIGN_BASIC_PASSWORD: "correct horse battery staple",
  HUB_SECRET: "0123456789abcdef0123456789abcdef",
  PAGERDUTY_SECRET: "pagerduty-0123456789abcdef",
  ZOOM_SECRET: "zoom-0123456789abcdef",
  SLACK_SECRET: "8f742231b10e8888abcd99yyyzzz85a5",
  STRIPE_SECRET: "whsec_0123456789abcdef0123456789abcdef",
  STANDARD_SECRET: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  STANDARD_PUBLIC_KEY: `whpk_${rawPublicKey(ed25519.publicKey).toString("base64")}`,
  TWITCH_SECRET: "twitch-0123456789abcdef",
  DISCORD_PUBLIC_KEY: rawPublicKey(ed25519.publicKey).toString("hex"),
  ASANA_SECRET: "asana-0123456789abcdef",
  X_SECRET: "the consumer secret of X 0123456789",
} as const;

type Secret = keyof typeof SECRETS;

const hmac = (secret: string | Buffer, ...content: (string | Uint8Array)[]) => {
  const mac = createHmac("sha256", secret);
  for (const part of content) mac.update(part);
  return mac;
};
const now = () => String(Math.floor(Date.now() / 1000));

export interface SignedSender {
  readonly scheme: string;
  readonly secrets: readonly Secret[];
  readonly method: "hmac" | "ed25519";
  /** Makes the headers of a request whose signature is over these bytes. */
  sign(body: Uint8Array): HeaderList;
}

const standard =
  (name: string, encode: (content: string, body: Uint8Array) => string) =>
  (body: Uint8Array): HeaderList => {
    const [id, timestamp] = ["msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", now()];
    return [
      [`${name}-id`, id],
      [`${name}-timestamp`, timestamp],
      [`${name}-signature`, encode(`${id}.${timestamp}.`, body)],
    ];
  };
const standardHmac = (content: string, body: Uint8Array) =>
  `v1,${hmac(Buffer.alloc(32, 7), content, body).digest("base64")}`;
const standardEd25519 = (content: string, body: Uint8Array) =>
  `v1a,${sign(null, Buffer.concat([Buffer.from(content), body]), ed25519.privateKey).toString("base64")}`;
const hub = (body: Uint8Array): HeaderList => [
  ["X-Hub-Signature-256", `sha256=${hmac(SECRETS.HUB_SECRET, body).digest("hex")}`],
];

const versionZero =
  (secret: string, signature: string, timestamp: string) =>
  (body: Uint8Array): HeaderList => {
    const time = now();
    return [
      [timestamp, time],
      [signature, `v0=${hmac(secret, `v0:${time}:`, body).digest("hex")}`],
    ];
  };

/** A sender for every scheme. The name of each sender is also the last segment of the sender's route. */
export const SIGNED_SENDERS: Readonly<Record<string, SignedSender>> = {
  docusign: {
    scheme: "docusign",
    secrets: ["DOCUSIGN_HMAC_KEY"],
    method: "hmac",
    sign: (body) => [
      ["X-Authorization-Digest", "HMACSHA256"],
      ["X-DocuSign-AccountId", "dee2ae0b-48fb-4f1a-aad1-2c3c4b2f0f2e"],
      ["X-DocuSign-Signature-1", hmac("another account's key", body).digest("base64")],
      ["X-DocuSign-Signature-2", hmac(SECRETS.DOCUSIGN_HMAC_KEY, body).digest("base64")],
    ],
  },
  meta: { scheme: "meta", secrets: ["HUB_SECRET"], method: "hmac", sign: hub },
  github: { scheme: "github", secrets: ["HUB_SECRET"], method: "hmac", sign: hub },
  pagerduty: {
    scheme: "pagerduty",
    secrets: ["PAGERDUTY_SECRET"],
    method: "hmac",
    sign: (body) => [
      [
        "X-PagerDuty-Signature",
        `v1=${hmac("an older secret", body).digest("hex")},v1=${hmac(SECRETS.PAGERDUTY_SECRET, body).digest("hex")}`,
      ],
    ],
  },
  slack: {
    scheme: "slack",
    secrets: ["SLACK_SECRET"],
    method: "hmac",
    sign: versionZero(SECRETS.SLACK_SECRET, "X-Slack-Signature", "X-Slack-Request-Timestamp"),
  },
  zoom: {
    scheme: "zoom",
    secrets: ["ZOOM_SECRET"],
    method: "hmac",
    sign: versionZero(SECRETS.ZOOM_SECRET, "X-Zm-Signature", "X-Zm-Request-Timestamp"),
  },
  stripe: {
    scheme: "stripe",
    secrets: ["STRIPE_SECRET"],
    method: "hmac",
    sign(body) {
      const timestamp = now();
      const signature = hmac(SECRETS.STRIPE_SECRET, `${timestamp}.`, body).digest("hex");
      return [["Stripe-Signature", `t=${timestamp},v1=${signature}`]];
    },
  },
  standard: {
    scheme: "standard-webhooks",
    secrets: ["STANDARD_SECRET"],
    method: "hmac",
    sign: standard("webhook", standardHmac),
  },
  asymmetric: {
    scheme: "standard-webhooks",
    secrets: ["STANDARD_PUBLIC_KEY"],
    method: "ed25519",
    sign: standard("webhook", standardEd25519),
  },
  svix: { scheme: "svix", secrets: ["STANDARD_SECRET"], method: "hmac", sign: standard("svix", standardHmac) },
  twitch: {
    scheme: "twitch",
    secrets: ["TWITCH_SECRET"],
    method: "hmac",
    sign(body) {
      const [id, timestamp] = [
        "befa7b53-d79d-478f-86b9-120f112b044e",
        new Date().toISOString().replace("Z", "000001Z"),
      ];
      return [
        ["Twitch-Eventsub-Message-Id", id],
        ["Twitch-Eventsub-Message-Timestamp", timestamp],
        [
          "Twitch-Eventsub-Message-Signature",
          `sha256=${hmac(SECRETS.TWITCH_SECRET, id, timestamp, body).digest("hex")}`,
        ],
      ];
    },
  },
  discord: {
    scheme: "discord",
    secrets: ["DISCORD_PUBLIC_KEY"],
    method: "ed25519",
    sign(body) {
      const timestamp = now();
      const signature = sign(null, Buffer.concat([Buffer.from(timestamp), body]), ed25519.privateKey);
      return [
        ["X-Signature-Ed25519", signature.toString("hex")],
        ["X-Signature-Timestamp", timestamp],
      ];
    },
  },
  x: {
    scheme: "x",
    secrets: ["X_SECRET"],
    method: "hmac",
    sign: (body) => [["X-Twitter-Webhooks-Signature", `sha256=${hmac(SECRETS.X_SECRET, body).digest("base64")}`]],
  },
  asana: {
    scheme: "asana",
    secrets: ["ASANA_SECRET"],
    method: "hmac",
    sign: (body) => [["X-Hook-Signature", hmac(SECRETS.ASANA_SECRET, body).digest("hex")]],
  },
};

export const BASIC_HEADER: HeaderList[number] = [
  "Authorization",
  `Basic ${Buffer.from(`docusign:${SECRETS.DOCUSIGN_BASIC_PASSWORD}`).toString("base64")}`,
];

/**
 * Returns a policy with the route `/hooks/signed/NAME` for each sender that only signs, and `/hooks/all` for a sender that needs
 * the certificate of acme, a signature of Docusign's scheme and Basic credentials.
 */
export function signedPolicy({ anchors, senders }: PolicyDocument, maxBodyBytes?: number): PolicyDocument {
  const route = (...names: string[]) => ({
    senders: names,
    methods: ["POST"],
    ...(maxBodyBytes !== undefined && { maxBodyBytes }),
  });
  const signing = Object.entries(SIGNED_SENDERS).map(
    ([name, { scheme, secrets }]) => [name, { signature: { scheme, secrets: [...secrets] } }] as const,
  );
  return {
    anchors,
    senders: {
      ...(Object.fromEntries(signing) as PolicyDocument["senders"]),
      all: {
        ...senders[ACME],
        signature: { scheme: "docusign", secrets: ["DOCUSIGN_HMAC_KEY"], retired: ["DOCUSIGN_OLD_KEY"] },
        basic: { username: "docusign", secret: "DOCUSIGN_BASIC_PASSWORD" },
      },
    },
    routes: {
      ...Object.fromEntries(signing.map(([name]) => [`/hooks/signed/${name}`, route(name)])),
      "/hooks/all": route("all"),
    },
  };
}
