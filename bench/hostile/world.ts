// The policy of the hostile bench. One route has fifty senders with certificates, and one has fifty senders that only sign. Each
// sender has its own CA or its own secrets. There is also one accepted request for each kind of sender.

import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { SignatureSchemeName } from "../../core/signature/schemes.ts";
import type { Shape } from "./shape.ts";

export const SENDERS = 50;
export const CERTIFICATE_PATH = "/hooks/certificates";
export const SIGNATURE_PATH = "/hooks/signatures";

/** The number of anchors of each kind. The anchors of `shared` have the same name, like a CA that changed its key several times. */
const ANCHORS: Readonly<Record<Shape["anchor"], number>> = {
  shared: 10,
  p256: 24,
  p384: 4,
  p521: 2,
  rsa2048: 8,
  rsa4096: 2,
};
/**
 * The index of a public CA in the list of authorities. Anybody can get certificates from this CA. Every sender with a certificate
 * trusts this CA in addition to its own CA.
 */
const PUBLIC = ANCHORS.shared + ANCHORS.p256;
const RSA = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256", publicExponent: new Uint8Array([1, 0, 1]) };
const ec = (namedCurve: string) => ({ name: "ECDSA", namedCurve });
const ALGORITHMS = {
  shared: ec("P-384"),
  p256: ec("P-256"),
  p384: ec("P-384"),
  p521: ec("P-521"),
  rsa2048: { ...RSA, modulusLength: 2048 },
  rsa4096: { ...RSA, modulusLength: 4096 },
};
const SCHEMES: readonly SignatureSchemeName[] = [
  ...["standard-webhooks", "standard-webhooks", "github", "svix", "docusign"],
  ...["standard-webhooks", "slack", "svix", "stripe", "pagerduty"],
] as SignatureSchemeName[];

export interface Authority {
  readonly kind: Shape["anchor"];
  readonly anchor: Identity;
  /** An intermediate that the anchor certified. */
  readonly intermediate: Identity;
}

export interface World {
  readonly authorities: readonly Authority[];
  readonly policy: object;
  /** The values of the secrets by name. */
  readonly secrets: Readonly<Record<string, string>>;
  /** The certificates of the accepted sender, which is in the middle of the route's list of senders. */
  readonly sender: { readonly leaf: Identity; readonly intermediate: Identity };
  readonly signed: { readonly headers: Readonly<Record<string, string>>; readonly body: Buffer };
}

export async function makeWorld(): Promise<World> {
  const kinds = Object.entries(ANCHORS).flatMap(([kind, count]) => Array<Shape["anchor"]>(count).fill(kind as never));
  const authorities = await Promise.all(kinds.map(makeAuthority));
  const middle = authorities[SENDERS / 2] as Authority;
  const leaf = await issueCertificate({ subject: [{ CN: [hostOf(SENDERS / 2)] }] }, middle.intermediate);
  const secrets = makeSecrets();
  return {
    authorities,
    secrets,
    policy: makePolicy(authorities),
    sender: { leaf, intermediate: middle.intermediate },
    signed: signEvent(secrets["SECRET_22_0"] as string),
  };
}

async function makeAuthority(kind: Shape["anchor"], index: number): Promise<Authority> {
  const keyAlgorithm = ALGORITHMS[kind];
  const CN = kind === "shared" ? "Shared CA" : `CA ${index}`;
  const anchor = await issueCertificate({ subject: [{ O: ["Example"] }, { CN: [CN] }], ca: {}, keyAlgorithm });
  const subject = [{ O: ["Example"] }, { CN: [`${CN}, intermediate`] }];
  // Verification with the keys of intermediates is slow (P-521). Only the intermediate of the accepted sender has a fast key
  // (P-256).
  const slow = index === SENDERS / 2 ? ALGORITHMS.p256 : ALGORITHMS.p521;
  const intermediate = await issueCertificate({ subject, ca: {}, keyAlgorithm: slow }, anchor);
  return { kind, anchor, intermediate };
}

const hostOf = (index: number) => `sender-${index}.example`;

/** Makes the entries of a sender. Different senders have entries with different kinds of names. */
function entriesOf(index: number): object[] {
  const host = hostOf(index);
  const others = [
    { san: { dns: [host] } },
    { san: { email: [`ops@${host}`] } },
    { san: { uri: [`https://${host}/`] } },
    { san: { ip: [`192.0.2.${index}`] } },
    { subject: { CN: `other.${host}`, O: ["Example", "Example, Inc."] } },
  ];
  return [{ subject: { CN: host } }, others[index % others.length] as object];
}

function makePolicy(authorities: readonly Authority[]): object {
  const certified = authorities.map((_, index): [string, object] => {
    const own = [0, 1].map((offset) => `anchor-${(index + offset) % authorities.length}`);
    const anchors = [...new Set([...own, `anchor-${PUBLIC}`])];
    return [`certified-${index}`, { certificates: entriesOf(index), trust: { anchors } }];
  });
  const signing = Array.from({ length: SENDERS }, (_, index): [string, object] => {
    const scheme = SCHEMES[index % SCHEMES.length] as SignatureSchemeName;
    return [`signing-${index}`, { signature: { scheme, secrets: [`SECRET_${index}_0`, `SECRET_${index}_1`] } }];
  });
  const routeOf = (senders: readonly [string, object][]) => ({
    senders: senders.map(([name]) => name),
    methods: ["POST"],
  });
  return {
    anchors: Object.fromEntries(authorities.map(({ anchor }, index) => [`anchor-${index}`, anchor.pem])),
    senders: Object.fromEntries([...certified, ...signing]),
    routes: { [CERTIFICATE_PATH]: routeOf(certified), [SIGNATURE_PATH]: routeOf(signing) },
  };
}

/** Makes two secrets for each sender. For Svix, the second one is a public key. */
function makeSecrets(): Record<string, string> {
  const secrets: Record<string, string> = {};
  for (let index = 0; index < SENDERS; index += 1) {
    const scheme = SCHEMES[index % SCHEMES.length] as SignatureSchemeName;
    const isStandard = scheme === "standard-webhooks" || scheme === "svix";
    const text = Buffer.from(`${index} 0123456789abcdef0123456789abcdef`).toString("base64");
    secrets[`SECRET_${index}_0`] = isStandard ? `whsec_${text}` : text;
    const next = Buffer.from(`${index} 0123456789abcdef, the next one`).toString("base64");
    secrets[`SECRET_${index}_1`] = scheme === "svix" ? makePublicKey() : isStandard ? `whsec_${next}` : next;
  }
  return secrets;
}

function makePublicKey(): string {
  const { x = "" } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
  return `whpk_${Buffer.from(x, "base64url").toString("base64")}`;
}

/**
 * The body is about as large as the bodies of strangers, so that hashing the body costs the same for accepted and for hostile
 * requests.
 */
const NOTE_CHARACTERS = 32_000;

/** Makes an event that is signed as GitHub signs events. */
function signEvent(secret: string): World["signed"] {
  const body = Buffer.from(JSON.stringify({ id: "evt_0001", note: "x".repeat(NOTE_CHARACTERS) }));
  return {
    body,
    headers: { "x-hub-signature-256": `sha256=${createHmac("sha256", secret).update(body).digest("hex")}` },
  };
}

/** Returns the private key of an identity. It can sign certificates that the library for identities would not make. */
export function privateKeyOf({ keyPem }: Identity): KeyObject {
  return createPrivateKey(keyPem);
}
