// Makes deliveries to sign. Also makes tokens with any content, signed with the right key.

import { admitByCertificate, admitBySignature } from "../../../core/admission/admit.ts";
import { issueAssertion, verifyAssertion } from "../../../core/assertion/assertion.ts";
import { importSigningKeys, importVerificationKeys } from "../../../core/assertion/keys.ts";
import { bindDelivery, type Delivery, digestBody } from "../../../core/delivery/delivery.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import type { PlatformVerdict } from "../../../core/x509/client-certificate.ts";
import { type Fixtures, policyDocument, present } from "./certificates.ts";

export const CONTEXT = { issuer: "https://hooks.example.com", audience: "https://origin.example.com" };
export const JTI = "AAECAwQFBgcICQoLDA0ODw";
export const HEADER = { alg: "ES256", kid: "first", typ: "countersign+jwt" };
const REQUEST = { method: "POST", target: "/hooks?a=b%20c", contentType: "application/json" };

/** Returns a delivery from the sender with the certificate `client`. The real code admits this sender. */
export async function deliver(
  fixtures: Fixtures,
  event: Partial<Pick<Delivery, "request" | "body">> = {},
  platform?: PlatformVerdict,
) {
  const policy = compilePolicy(policyDocument(fixtures));
  const presented = {
    leaf: "client",
    intermediates: ["intermediate"] as const,
    ...(platform && { platform }),
  } as const;
  const { now } = fixtures;
  const candidates = admitByCertificate(present(fixtures, presented, policy), policy.senders, now);
  const facts = { deny: policy.deny, lists: NO_LISTS, now };
  const evidence = { certificate: undefined, headers: new Headers(), facts, secrets: new Map(), receivedAt: now };
  const { request = REQUEST, body = new TextEncoder().encode('{"a":1}') } = event;
  const admitted = await admitBySignature(candidates, body, evidence);
  return bindDelivery(admitted, {
    id: "event-1",
    request,
    headers: [["content-type", "application/json"]],
    body: digestBody(body),
    policyDigest: policy.digest,
  });
}

/** Returns a token for the delivery, as the edge issues it. */
export async function issue({ keys, now }: Fixtures, delivery: Delivery, receivedAt = now): Promise<string> {
  return issueAssertion(delivery, await importSigningKeys(keys.signing), { ...CONTEXT, jti: JTI, now, receivedAt });
}

/** Verifies a token with the published keys of the edge. */
export async function verify({ keys, now }: Fixtures, token: string, { context = CONTEXT, at = now } = {}) {
  const found = await importVerificationKeys((await importSigningKeys(keys.signing)).jwks);
  return verifyAssertion(token, (kid) => found.get(kid), context, at);
}

export interface Token {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
}

/** Decodes the header and the claims of a token, so that a test can change them. */
export function open(token: string): Token {
  const [header = "", claims = ""] = token.split(".");
  const read = (segment: string) => JSON.parse(Buffer.from(segment, "base64url").toString()) as Record<string, unknown>;
  return { header: read(header), claims: read(claims) };
}

export const toBase64Url = (content: string | Uint8Array): string => Buffer.from(content).toString("base64url");

/** Makes a token from exactly this header and this payload, signed with the edge's own key. */
export async function seal({ keys }: Fixtures, header: string, payload: string | Uint8Array): Promise<string> {
  const { kid: _, ...jwk } = keys.signing.keys[0] as Fixtures["keys"]["signing"]["keys"][number];
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("jwk", jwk, algorithm, false, ["sign"]);
  const input = `${toBase64Url(header)}.${toBase64Url(payload)}`;
  const signature = await crypto.subtle.sign(algorithm, key, new TextEncoder().encode(input));
  return `${input}.${toBase64Url(new Uint8Array(signature))}`;
}

export function sealToken(fixtures: Fixtures, { header, claims }: Token): Promise<string> {
  return seal(fixtures, JSON.stringify(header), JSON.stringify(claims));
}
