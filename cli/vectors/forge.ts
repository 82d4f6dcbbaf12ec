// Changes the token or the headers of a request that the edge forwarded. Tokens are built from texts and signed by node:crypto, so
// that they can contain what our own code never issues.

import { createPrivateKey, type KeyObject, sign } from "node:crypto";
import type { PrivateJwk } from "../../core/assertion/keys.ts";
import { ASSERTION_HEADER } from "../../core/wire.ts";
import type { ForwardedRequest } from "./issue.ts";
import { FIRST_KEY } from "./world.ts";

export type Members = Readonly<Record<string, unknown>>;

export function tokenOf({ headers }: ForwardedRequest): string {
  return headers.find(([name]) => name === ASSERTION_HEADER)?.[1] ?? "";
}

export function claimsOf(request: ForwardedRequest): Members {
  return readSegment(tokenOf(request), 1);
}

export function protectedHeaderOf(request: ForwardedRequest): Members {
  return readSegment(tokenOf(request), 0);
}

function readSegment(token: string, index: number): Members {
  return JSON.parse(Buffer.from(token.split(".")[index] ?? "", "base64url").toString()) as Members;
}

/** Returns the request with one header field of this name for each value. Without values, the header is removed. */
export function withHeader(request: ForwardedRequest, name: string, ...values: readonly string[]): ForwardedRequest {
  const others = request.headers.filter(([other]) => other !== name);
  return { ...request, headers: [...others, ...values.map((value) => [name, value] as const)] };
}

export function withToken(request: ForwardedRequest, token: string): ForwardedRequest {
  return withHeader(request, ASSERTION_HEADER, token);
}

/** Returns the request with a changed signature of its token. */
export function withSignature(request: ForwardedRequest, change: (signature: string) => string): ForwardedRequest {
  const [header, payload, signature = ""] = tokenOf(request).split(".");
  return withToken(request, `${header}.${payload}.${change(signature)}`);
}

/** Returns the request with changed claims, signed by the edge's own key. A member that is undefined is removed. */
export function withClaims(request: ForwardedRequest, change: Members): ForwardedRequest {
  return withPayload(request, JSON.stringify({ ...claimsOf(request), ...change }));
}

export function withPayload(request: ForwardedRequest, payload: string | Uint8Array): ForwardedRequest {
  return withToken(request, seal(protectedHeaderOf(request), payload, privateKey(FIRST_KEY)));
}

/** Returns the request with the same claims and this protected header, signed by `key`. */
export function withProtectedHeader(request: ForwardedRequest, header: Members, key = privateKey(FIRST_KEY)) {
  return withToken(request, seal(header, JSON.stringify(claimsOf(request)), key));
}

function seal(header: Members, payload: string | Uint8Array, key: KeyObject): string {
  const input = [JSON.stringify(header), payload].map((part) => Buffer.from(part).toString("base64url")).join(".");
  return `${input}.${signText(input, key)}`;
}

/** Signs by ECDSA with SHA-256. The default encoding is r followed by s. */
export function signText(input: string, key: KeyObject, dsaEncoding: "ieee-p1363" | "der" = "ieee-p1363"): string {
  return sign("sha256", Buffer.from(input), { key, dsaEncoding }).toString("base64url");
}

/** Returns the part of a token that its signature covers. */
export function signedPartOf(request: ForwardedRequest): string {
  const [header, payload] = tokenOf(request).split(".");
  return `${header}.${payload}`;
}

export function privateKey({ kty, crv, x, y, d }: PrivateJwk): KeyObject {
  return createPrivateKey({ key: { kty, crv, x, y, d }, format: "jwk" });
}

/** The order of P-256 (SEC 2). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Returns the second ECDSA signature that is valid for the same text and key: (r, n − s) for (r, s). Anybody can compute it. */
export function otherSignature(signature: string): string {
  const octets = Buffer.from(signature, "base64url");
  const s = ORDER - BigInt(`0x${octets.toString("hex", 32)}`);
  octets.write(s.toString(16).padStart(64, "0"), 32, "hex");
  return octets.toString("base64url");
}
