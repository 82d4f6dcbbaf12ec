// Makes a signed assertion about a Delivery, and verifies one. An assertion is a compact JWS (RFC 7515), and docs/assertion.md
// describes its claims. A valid assertion proves only what the edge saw. Therefore the origin also verifies the certificate itself,
// and decides itself whether its policy admits the sender.

import type { FormProblem } from "../configuration-error.ts";
import type { CertificateFacts, Delivery, RequestFacts } from "../delivery/delivery.ts";
import { claimHeaders } from "../delivery/signed-headers.ts";
import {
  boolean,
  check,
  list,
  notEmpty,
  number,
  type OutputOf,
  object,
  optional,
  regex,
  string,
  wholeNumber,
} from "../form.ts";
import { readForm } from "../form-reading.ts";
import { OriginRefusal, Refusal } from "../refusal.ts";
import { showTarget } from "../url.ts";
import {
  ASSERTION_ALGORITHM,
  ASSERTION_LIFETIME_SECONDS,
  ASSERTION_TYPE,
  CLOCK_SKEW_SECONDS,
  MAX_ASSERTION_CHARACTERS,
  MAX_DELIVERY_AGE_SECONDS,
} from "../wire.ts";
import { ES256, verifyEs256 } from "./es256.ts";
import type { FindVerificationKey, SigningKeys } from "./keys.ts";

/**
 * The claims of a token. The claims `sub`, `cnf` and `crt` bind the token to the sender's certificate. A token has all three, or
 * none of them if the sender's policy requires no certificate.
 */
function makeClaimsSchema() {
  const text = string(notEmpty());
  const seconds = number(wholeNumber);
  const matching = (pattern: RegExp) => string(regex(pattern, "malformed"));
  return object(
    {
      iss: text,
      aud: text,
      iat: seconds,
      exp: seconds,
      rcv: optional(seconds),
      jti: matching(/^[A-Za-z0-9_-]{22}$/),
      sender: text,
      sub: optional(string()),
      cnf: optional(object({ "x5t#S256": matching(/^[A-Za-z0-9_-]{43}$/) })),
      crt: optional(
        object({
          issuer: string(),
          serial: text,
          notBefore: seconds,
          notAfter: seconds,
          anchor: optional(text),
          platform: optional(object({ verified: string(), revoked: boolean() })),
        }),
      ),
      req: object({ method: text, target: text, type: string(), digest: text }),
      hdr: optional(object({ names: list(matching(/^[!#$%&'*+.^_`|~0-9a-z-]+$/), notEmpty()), digest: text })),
      amr: list(text, notEmpty()),
      pol: matching(/^[0-9a-f]{64}$/),
      txn: text,
    },
    // `sub`, `cnf` and `crt` are present exactly if `amr` contains `mtls`.
    check(
      ({ sub, cnf, crt, amr }) => [sub, cnf, crt].every((claim) => (claim !== undefined) === amr.includes("mtls")),
      "factors",
    ),
  );
}

/**
 * The call is marked as pure, so that the bundler leaves it out of the edge's bundle. An edge verifies no token, so it does not
 * need this schema.
 */
const claimsSchema = /* @__PURE__ */ makeClaimsSchema();

export type AssertionClaims = OutputOf<ReturnType<typeof makeClaimsSchema>>;

export interface AssertionContext {
  /** The edge's issuer URL and the origin's audience, as configured on both sides. */
  readonly issuer: string;
  readonly audience: string;
}

/** The values that differ for each token. Times are in Unix seconds. */
export interface Issuance extends AssertionContext {
  /** 128 unique bits in base64url, as `formatAssertionId` makes them. */
  readonly jti: string;
  readonly now: number;
  /** The time at which the edge received the request. It is set only for a delivery that waited in the queue. */
  readonly receivedAt?: number;
}

/**
 * Signs one delivery with the runtime's own ES256. The package `jose` is not used, because its other work for each token takes as
 * long as the signature itself.
 */
export async function issueAssertion(
  delivery: Delivery,
  { signer }: SigningKeys,
  { issuer, audience, jti, now, receivedAt = now }: Issuance,
): Promise<string> {
  const { certificate, request } = delivery;
  const hdr = claimHeaders(delivery.headers);
  const claims = {
    iss: issuer,
    aud: audience,
    iat: now,
    exp: now + ASSERTION_LIFETIME_SECONDS,
    // Leaves out `rcv` if the event did not wait in the queue, because origins of older versions refuse a token with `rcv`. Also
    // leaves it out if the clock of the machine that received the event is ahead of the clock here, because `rcv` must be before
    // `iat`.
    ...(receivedAt < now && { rcv: receivedAt }),
    jti,
    sender: delivery.sender,
    ...(certificate !== undefined && certificateClaims(certificate)),
    req: { method: request.method, target: request.target, type: request.contentType, digest: delivery.contentDigest },
    hdr,
    amr: [...delivery.factors],
    pol: delivery.policyDigest,
    txn: delivery.id,
  } satisfies AssertionClaims;
  const signed = `${signer.header}.${encode(JSON.stringify(claims)).toString("base64url")}`;
  const signature = await crypto.subtle.sign(ES256, signer.key, encode(signed));
  return `${signed}.${Buffer.from(signature).toString("base64url")}`;
}

/** The shared buffer of `encode()`. A token has one or two KB. A text that may not fit gets a buffer of its own. */
const scratch = Buffer.alloc(32 * 1024);
const MAX_OCTETS_PER_CODE_UNIT = 3;

/**
 * Encodes a text into a shared buffer. The result is valid until the next call. A new buffer for each text would take longer than
 * hashing or signing the text.
 */
function encode(text: string, encoding: "utf8" | "hex" = "utf8"): Buffer<ArrayBuffer> {
  if (text.length * MAX_OCTETS_PER_CODE_UNIT > scratch.byteLength) return Buffer.from(text, encoding);
  return scratch.subarray(0, scratch.write(text, encoding));
}

function certificateClaims({ anchor, platform, ...certificate }: CertificateFacts) {
  return {
    sub: certificate.subject,
    cnf: { "x5t#S256": encode(certificate.sha256, "hex").toString("base64url") },
    crt: {
      issuer: certificate.issuer,
      serial: certificate.serial,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      // JSON leaves out members that are undefined.
      anchor,
      platform,
    },
  };
}

/**
 * Verifies the token itself. Checks its form: canonical base64url, and exactly `alg`, `kid` and `typ` in the header. Checks the
 * ES256 signature with the key that `kid` names. Checks issuer, audience and times, and allows a small difference between the
 * clocks. Does not compare the claims with a request, body or certificate, and does not check for replay.
 * @throws Refusal `assertion_*`
 */
export async function verifyAssertion(
  token: string,
  findKey: FindVerificationKey,
  { issuer, audience }: AssertionContext,
  now: number,
): Promise<AssertionClaims> {
  const { kid, signed, signature, payload } = openToken(token);
  const key = await findKey(kid);
  if (key === undefined) throw new OriginRefusal("assertion_key_unknown", { kid });
  if (!(await verifyEs256(key, signature, signed))) throw new OriginRefusal("assertion_signature_invalid");
  const claims = parseClaims(payload);
  if (claims.iss !== issuer) throw new OriginRefusal("assertion_wrong_issuer", { iss: claims.iss, expected: issuer });
  if (claims.aud !== audience)
    throw new OriginRefusal("assertion_wrong_audience", { aud: claims.aud, expected: audience });
  if (claims.iat > now + CLOCK_SKEW_SECONDS)
    throw new OriginRefusal("assertion_not_yet_valid", { iat: claims.iat, now });
  if (claims.exp + CLOCK_SKEW_SECONDS <= now) throw new OriginRefusal("assertion_expired", { exp: claims.exp, now });
  return claims;
}

/**
 * Compares the claims with the request that carried the token.
 * @throws Refusal `request_mismatch`, `body_mismatch`
 */
export function matchRequest({ req }: AssertionClaims, request: RequestFacts, contentDigest: string): void {
  const { method, target, contentType } = request;
  const differs = [
    ...(req.method === method ? [] : ["method"]),
    ...(req.target === target ? [] : ["target"]),
    ...(req.type === contentType ? [] : ["type"]),
  ];
  if (differs.length > 0) {
    throw new OriginRefusal("request_mismatch", {
      differs,
      signed: { method: req.method, target: showTarget(req.target), type: req.type },
      received: { method, target: showTarget(target), type: contentType },
    });
  }
  if (req.digest !== contentDigest) throw new Refusal("body_mismatch", { signed: req.digest, received: contentDigest });
}

interface OpenedToken {
  readonly kid: string;
  /** The octets that the signature covers. */
  readonly signed: Buffer<ArrayBuffer>;
  readonly signature: Buffer<ArrayBuffer>;
  readonly payload: Buffer;
}

/** Splits a token. The token must be canonical base64url, and its header must be exactly the one that our edges write. */
function openToken(token: string): OpenedToken {
  const segments = token.length <= MAX_ASSERTION_CHARACTERS ? token.split(".") : [];
  const [header, payload, signature] = segments.length === 3 ? segments.map(decodeSegment) : [];
  if (header === undefined || payload === undefined || signature === undefined)
    throw new OriginRefusal("assertion_malformed", { cause: "not one JWS in canonical base64url" });
  return { kid: readKeyId(header), signed: Buffer.from(token.slice(0, token.lastIndexOf("."))), signature, payload };
}

/** Returns undefined for an empty segment, or for a segment that is not canonical base64url. */
function decodeSegment(segment: string): Buffer<ArrayBuffer> | undefined {
  const octets = Buffer.from(segment, "base64url");
  return segment !== "" && octets.toString("base64url") === segment ? octets : undefined;
}

/** Reads `kid` from a header that must be exactly the one that our edges write. */
function readKeyId(octets: Buffer): string {
  const header = parseJson(octets);
  if (header === undefined)
    throw new OriginRefusal("assertion_malformed", { cause: "the protected header is not JSON as an edge writes it" });
  const members = Object.keys(header).sort().join();
  if (members !== "alg,kid,typ" || header["alg"] !== ASSERTION_ALGORITHM || header["typ"] !== ASSERTION_TYPE) {
    throw new OriginRefusal("assertion_malformed", {
      cause: "the protected header is not alg ES256, kid and typ",
      members,
    });
  }
  if (typeof header["kid"] !== "string")
    throw new OriginRefusal("assertion_malformed", { cause: "kid is not a string" });
  return header["kid"];
}

/**
 * Decodes UTF-8, the default encoding. Throws an error at malformed octets, and does not skip a byte order mark. The call is marked
 * as pure, so that the bundler leaves it out of the edge's bundle.
 */
const utf8 = /* @__PURE__ */ new TextDecoder(undefined, { fatal: true, ignoreBOM: true });

/**
 * Parses JSON that is spelled exactly as `JSON.stringify` writes it: without repeated members, white space or unnecessary escapes.
 * Returns undefined for any other text.
 */
function parseJson(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const text = utf8.decode(bytes);
    const document: unknown = JSON.parse(text);
    const isSpelledSo = typeof document === "object" && document !== null && JSON.stringify(document) === text;
    return isSpelledSo ? (document as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the names of the invalid claims, each once. If a rule about several claims is broken, returns the name `amr` for it. */
function nameClaims(problems: readonly FormProblem[]): string[] {
  return [...new Set(problems.map(({ at }) => at.join(".") || "amr"))];
}

function parseClaims(payload: Uint8Array): AssertionClaims {
  const document = parseJson(payload);
  if (document === undefined)
    throw new OriginRefusal("assertion_claims_invalid", { cause: "the payload is not JSON as an edge writes it" });
  const { output: claims, problems } = readForm(claimsSchema, document);
  if (claims === undefined) throw new OriginRefusal("assertion_claims_invalid", { claims: nameClaims(problems) });
  if (claims.exp <= claims.iat || claims.exp - claims.iat > ASSERTION_LIFETIME_SECONDS) {
    throw new OriginRefusal("assertion_claims_invalid", { claims: ["exp"], iat: claims.iat, exp: claims.exp });
  }
  const { rcv = claims.iat - 1 } = claims;
  if (rcv >= claims.iat || claims.iat - rcv > MAX_DELIVERY_AGE_SECONDS) {
    throw new OriginRefusal("assertion_claims_invalid", { claims: ["rcv"], iat: claims.iat, rcv });
  }
  return claims;
}
