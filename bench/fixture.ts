// The event that benches send: 2 KiB from a sender with an RSA certificate and one intermediate. The policy admits this sender.

import { X509Certificate } from "node:crypto";
import { emulateTlsClientAuth, type TlsClientAuth } from "../cli/cloudflare/tls-client-auth.ts";
import { type Identity, issueCertificate } from "../cli/dev/authority.ts";
import { generateSigningKey, type PrivateJwk } from "../core/assertion/keys.ts";

export const HOST = "hooks.example.com";
export const ISSUER = `https://${HOST}`;
export const AUDIENCE = "https://origin.example.com";
export const PATH = "/hooks/orders";

/** The key has 2048 bits, as in the certificates that webhook senders get from public CAs. */
const RSA = {
  name: "RSASSA-PKCS1-v1_5",
  hash: "SHA-256",
  modulusLength: 2048,
  publicExponent: new Uint8Array([1, 0, 1]),
};

export interface Fixture {
  readonly policy: object;
  readonly signingKey: PrivateJwk;
  /** The sender's certificate in base64 DER. */
  readonly leaf: string;
  readonly intermediate: string;
  readonly tlsClientAuth: TlsClientAuth;
  /** The next three texts are PEM. `clientPem` has the sender's certificate and the intermediate. */
  readonly clientPem: string;
  readonly clientKeyPem: string;
  readonly rootPem: string;
  readonly body: Buffer;
  /** The headers that the sender itself sets. */
  readonly headers: Readonly<Record<string, string>>;
}

export async function makeFixture(): Promise<Fixture> {
  const [root, intermediate, leaf] = await issueChain();
  const body = makeBody(2048);
  return {
    policy: makePolicy(root.pem),
    signingKey: await generateSigningKey(Math.floor(Date.now() / 1000)),
    leaf: leaf.base64,
    intermediate: intermediate.base64,
    tlsClientAuth: emulateTlsClientAuth({
      leaf: new X509Certificate(leaf.pem),
      intermediates: [new X509Certificate(intermediate.pem)],
      authorizationError: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    }),
    clientPem: `${leaf.pem}\n${intermediate.pem}\n`,
    clientKeyPem: leaf.keyPem,
    rootPem: root.pem,
    body,
    headers: {
      host: HOST,
      accept: "*/*",
      "content-type": "application/json",
      "user-agent": "Example-Webhooks/1.0",
      "x-example-signature": `v1=${"5c".repeat(32)}`,
    },
  };
}

async function issueChain(): Promise<[root: Identity, intermediate: Identity, leaf: Identity]> {
  const root = await issueCertificate({
    subject: [{ C: ["US"] }, { O: ["Example Trust Inc"] }, { CN: ["Example Global Root"] }],
    ca: {},
    keyAlgorithm: RSA,
  });
  const intermediate = await issueCertificate(
    {
      subject: [{ C: ["US"] }, { O: ["Example Trust Inc"] }, { CN: ["Example TLS RSA SHA256 2026 CA1"] }],
      ca: { pathLength: 0 },
      keyAlgorithm: RSA,
    },
    root,
  );
  const leaf = await issueCertificate(
    {
      subject: [
        { C: ["US"] }, { ST: ["California"] }, { L: ["San Francisco"] }, { O: ["Example, Inc."] }, { CN: ["webhooks.example.net"] },
      ], // biome-ignore format: one name
      subjectAltNames: [{ type: "dns", value: "webhooks.example.net" }],
      keyAlgorithm: RSA,
    },
    intermediate,
  );
  return [root, intermediate, leaf];
}

function makePolicy(anchor: string): object {
  const subject = { CN: "webhooks.example.net", O: "Example, Inc." };
  return {
    anchors: { "example-global-root": anchor },
    senders: {
      example: {
        certificates: [{ subject, issuer: { O: "Example Trust Inc" } }],
        trust: { anchors: ["example-global-root"] },
      },
    },
    routes: { [PATH]: { senders: ["example"], methods: ["POST"], headers: ["X-Example-Signature"] } },
  };
}

/** Returns a JSON object of exactly this number of bytes. */
function makeBody(bytes: number): Buffer {
  const event = {
    id: "evt_0001",
    type: "order.paid",
    lines: Array.from({ length: 30 }, (_, sku) => ({ sku, quantity: 2 })),
    note: "",
  };
  const missing = bytes - JSON.stringify(event).length;
  return Buffer.from(JSON.stringify({ ...event, note: "x".repeat(missing) }));
}
