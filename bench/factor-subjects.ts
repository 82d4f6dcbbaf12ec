// Makes the functions that the factors bench measures. They verify signatures and Basic credentials. The same functions are
// measured in Node and in workerd.

import { createHash, createHmac, createPrivateKey, createPublicKey, sign } from "node:crypto";
import { importBasicCredential, verifyBasic } from "../core/admission/basic.ts";
import { SIGNATURE_SCHEME_NAMES, type SignatureSchemeName } from "../core/signature/schemes.ts";
import { importSignatureKey, SignedRequest, verifyWebhookSignature } from "../core/signature/verify.ts";

export const BARE = "bare HMAC";
export const BASIC = "basic";
export const ED25519 = "standard-webhooks, Ed25519";

const NOW = 1_700_000_000;
const TWITCH_DATE = "2023-11-14T22:13:20.123456789Z";
const SECRET = "mZ0vK1yqkq3mXcY7bq8a2xJp0Q4Jt0uH1l9r6s5e4wE=";
/** The headers of an ordinary request besides those of the signature. */
const HEADERS = {
  accept: "*/*",
  "content-type": "application/json",
  host: "hooks.example.com",
  "user-agent": "Example-Webhooks/1.0",
};

/** The schemes with HMAC. Ed25519 is measured with Standard Webhooks, and costs the same with Discord's scheme. */
type HmacScheme = Exclude<SignatureSchemeName, "discord">;
const isHmac = (scheme: SignatureSchemeName): scheme is HmacScheme => scheme !== "discord";

/** Makes the headers of a signature as a sender does. */
type Sign = (mac: (prefix: string, encoding: "hex" | "base64") => string) => Record<string, string>;

const signHub: Sign = (mac) => ({ "x-hub-signature-256": `sha256=${mac("", "hex")}` });
const versionZero =
  (signature: string, timestamp: string): Sign =>
  (mac) => ({ [timestamp]: `${NOW}`, [signature]: `v0=${mac(`v0:${NOW}:`, "hex")}` });
const standard =
  (name: string): Sign =>
  (mac) => ({
    [`${name}-id`]: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    [`${name}-timestamp`]: `${NOW}`,
    [`${name}-signature`]: `v1,${mac(`msg_p5jXN8AQM9LWM0D4loKWxJek.${NOW}.`, "base64")}`,
  });
const SIGN: Readonly<Record<HmacScheme, Sign>> = {
  docusign: (mac) => ({
    "x-authorization-digest": "HMACSHA256",
    "x-docusign-accountid": "8b2e4cf1-0000-4000-8000-00000000000a",
    "x-docusign-signature-1": mac("", "base64"),
  }),
  meta: signHub,
  github: signHub,
  pagerduty: (mac) => ({ "x-pagerduty-signature": `v1=${mac("", "hex")}` }),
  slack: versionZero("x-slack-signature", "x-slack-request-timestamp"),
  zoom: versionZero("x-zm-signature", "x-zm-request-timestamp"),
  stripe: (mac) => ({ "stripe-signature": `t=${NOW},v1=${mac(`${NOW}.`, "hex")}` }),
  "standard-webhooks": standard("webhook"),
  svix: standard("svix"),
  twitch: (mac) => ({
    "twitch-eventsub-message-id": "befa7b53-d79d-478f-86b9-120f112b044e",
    "twitch-eventsub-message-timestamp": TWITCH_DATE,
    "twitch-eventsub-message-signature": `sha256=${mac(`befa7b53-d79d-478f-86b9-120f112b044e${TWITCH_DATE}`, "hex")}`,
  }),
  x: (mac) => ({ "x-twitter-webhooks-signature": `sha256=${mac("", "base64")}` }),
  asana: (mac) => ({ "x-hook-signature": mac("", "hex") }),
};

/**
 * Returns functions that do the work for one event. There is a function for each scheme, for Basic, for Ed25519, and for the bare
 * HMAC, which is the minimum.
 */
export function makeFactorSubjects(bytes: number): Record<string, () => unknown> {
  const body = new Uint8Array(bytes).fill(0x61);
  // The body begins with a brace, because some schemes refuse every other body.
  body[0] = 0x7b;
  const subjects: Record<string, () => unknown> = {};
  for (const scheme of SIGNATURE_SCHEME_NAMES.filter(isHmac)) {
    const isEncoded = scheme === "standard-webhooks" || scheme === "svix";
    const octets = Buffer.from(SECRET, isEncoded ? "base64" : "utf8");
    const signed = SIGN[scheme]((prefix, encoding) =>
      createHmac("sha256", octets).update(prefix).update(body).digest(encoding),
    );
    subjects[scheme] = verifier(scheme, isEncoded ? `whsec_${SECRET}` : SECRET, signed, body);
  }
  subjects[BASIC] = basicVerifier();
  subjects[ED25519] = ed25519Verifier(body);
  const octets = Buffer.from(SECRET);
  subjects[BARE] = () => createHmac("sha256", octets).update(body).digest();
  return subjects;
}

function verifier(
  scheme: SignatureSchemeName,
  key: string,
  signed: Record<string, string>,
  body: Uint8Array<ArrayBuffer>,
): () => unknown {
  const keys = { scheme, keys: [importSignatureKey(scheme, key)], accounts: new Map(), retired: [] };
  const headers = new Headers({ ...HEADERS, ...signed });
  return () => verifyWebhookSignature(keys, new SignedRequest(headers, body, NOW));
}

function basicVerifier(): () => unknown {
  const credentials = [importBasicCredential("Aladdin", "open sesame")];
  return () => verifyBasic(credentials, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
}

/** A PKCS #8 Ed25519 key consists of these octets, followed by the seed (RFC 8410). */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

function ed25519Verifier(body: Uint8Array<ArrayBuffer>): () => unknown {
  const seed = createHash("sha256").update("bench").digest();
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: "der", type: "pkcs8" });
  const point = Buffer.from(createPublicKey(privateKey).export({ format: "jwk" }).x ?? "", "base64url");
  const signature = sign(null, Buffer.concat([Buffer.from(`msg_1.${NOW}.`), body]), privateKey);
  const signed = {
    "webhook-id": "msg_1",
    "webhook-timestamp": `${NOW}`,
    "webhook-signature": `v1a,${signature.toString("base64")}`,
  };
  return verifier("standard-webhooks", `whpk_${point.toString("base64")}`, signed, body);
}
