// Makes requests to the origin as the edge does. A test can change every part. No code under test is used: this file builds the
// token from texts, and node:crypto signs it.

import { createHash, createPrivateKey, randomBytes, sign } from "node:crypto";
import type { Identity } from "../../cli/dev/authority.ts";
import type { PrivateJwk } from "../../core/assertion/keys.ts";
import type { HeaderList, RawRequest } from "./http.ts";
import { ACME, AUDIENCE, ISSUER } from "./senders.ts";

export type Claims = Record<string, unknown>;

export interface ForwardedEvent {
  readonly key: PrivateJwk;
  readonly identity: Identity;
  readonly intermediates?: readonly Identity[];
  /** The SHA-256 digest of the policy, in hex. */
  readonly policyDigest: string;
  readonly method?: string;
  readonly target?: string;
  readonly contentType?: string;
  readonly body?: string;
  /** The sender's headers that the token signs. Their names are in lower case. */
  readonly signedHeaders?: HeaderList;
  readonly sender?: string;
  /** The current time in Unix seconds. */
  readonly now?: number;
  /** Claims to replace. The value undefined removes a claim. */
  readonly claims?: Claims;
  readonly header?: Record<string, unknown>;
}

export type ForwardedRequest = Omit<RawRequest, "url"> & { readonly token: string; readonly headers: HeaderList };

export function base64url(value: unknown): string {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
}

export function signEs256(header: unknown, payload: unknown, jwk: PrivateJwk): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  const { kty, crv, x, y, d } = jwk;
  const key = createPrivateKey({ key: { kty, crv, x, y, d }, format: "jwk" });
  return `${input}.${sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

export function contentDigest(body: string | Uint8Array): string {
  return `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
}

export function claimsOf(event: ForwardedEvent): Claims {
  const { identity, method = "POST", target = "/hooks/acme", contentType = "application/json", body = "{}" } = event;
  const now = event.now ?? Math.floor(Date.now() / 1000);
  const { certificate } = identity;
  return {
    iss: ISSUER,
    aud: AUDIENCE,
    iat: now,
    exp: now + 60,
    jti: randomBytes(16).toString("base64url"),
    sub: certificate.subject,
    sender: event.sender ?? ACME,
    cnf: { "x5t#S256": createHash("sha256").update(Buffer.from(certificate.rawData)).digest("base64url") },
    crt: {
      issuer: certificate.issuer,
      serial: certificate.serialNumber,
      notBefore: Math.floor(certificate.notBefore.getTime() / 1000),
      notAfter: Math.floor(certificate.notAfter.getTime() / 1000),
    },
    req: { method, target, type: contentType, digest: contentDigest(body) },
    ...(event.signedHeaders !== undefined && { hdr: headersClaim(event.signedHeaders) }),
    amr: ["mtls"],
    pol: event.policyDigest,
    txn: crypto.randomUUID(),
    ...event.claims,
  };
}

export function headersClaim(headers: HeaderList) {
  const lines = headers.map(([name, value]) => `${name}: ${value}\n`);
  return { names: headers.map(([name]) => name), digest: contentDigest(lines.join("")) };
}

/** Makes the request that forwards this event. Parts of the request that `event` does not set are correct. */
export function forwardedRequest(event: ForwardedEvent): ForwardedRequest {
  const {
    identity,
    intermediates = [],
    key,
    method = "POST",
    target = "/hooks/acme",
    contentType = "application/json",
    body = "{}",
    signedHeaders = [],
  } = event;
  const token = signEs256(
    { alg: "ES256", kid: key.kid, typ: "countersign+jwt", ...event.header },
    claimsOf(event),
    key,
  );
  const headers = [...headersOf({ token, identity, intermediates, contentType, body }), ...signedHeaders];
  return { method, target, body, token, headers };
}

export function headersOf(parts: {
  token: string;
  identity: Identity;
  intermediates?: readonly Identity[];
  contentType: string;
  body: string | Uint8Array;
}): HeaderList {
  return [
    ["Countersign-Assertion", parts.token],
    ["Client-Cert", `:${parts.identity.base64}:`],
    ...(parts.intermediates?.length ? [["Client-Cert-Chain", chainOf(parts.intermediates)] as const] : []),
    ["Content-Digest", contentDigest(parts.body)],
    ["Content-Type", parts.contentType],
  ];
}

const chainOf = (identities: readonly Identity[]) => identities.map(({ base64 }) => `:${base64}:`).join(", ");

/** Returns the headers with one header replaced or, if there is no value, removed. */
export function withHeader(headers: HeaderList, name: string, value?: string): HeaderList {
  const others = headers.filter(([other]) => other.toLowerCase() !== name.toLowerCase());
  return value === undefined ? others : [...others, [name, value]];
}
