// Signing and verification keys as JWK Sets (RFC 7517). They are ES256 keys on P-256, and each has its own `kid`.

import type { CryptoKey } from "jose";
import { ConfigurationError, describeIssues } from "../configuration-error.ts";
import {
  type Form,
  list,
  maxLength,
  notEmpty,
  number,
  type OutputOf,
  object,
  oneOf,
  openObject,
  optional,
  or,
  regex,
  string,
  wholeNumber,
} from "../form.ts";
import { readForm } from "../form-reading.ts";
import { ASSERTION_ALGORITHM, ASSERTION_TYPE, JWKS_MAX_AGE_SECONDS } from "../wire.ts";

/** The last character of 32 octets in base64url has two unused bits. They must be zero, so that a value has only one spelling. */
const coordinate = string(regex(/^[\w-]{42}[AEIMQUYcgkosw048]$/, "32 octets in base64url"));
const publicMembers = {
  kty: or(oneOf(["EC"]), "only EC keys sign assertions"),
  crv: or(oneOf(["P-256"]), "only P-256 keys sign assertions"),
  x: coordinate,
  y: coordinate,
  kid: string(notEmpty(), maxLength(128)),
  alg: optional(oneOf([ASSERTION_ALGORITHM])),
  use: optional(oneOf(["sig"])),
};
/** This form is strict. A private member (`d`) in a public set is an error, and is not ignored. */
const PublicJwkSchema = object(publicMembers);
/** `iat` is the time at which the key was made, in Unix seconds. A rotation finds the newest key by this time. */
const PrivateJwkSchema = object({ ...publicMembers, d: coordinate, iat: optional(number(wholeNumber)) });

const CURVE = { name: "ECDSA", namedCurve: "P-256" };

export type PublicJwk = OutputOf<typeof PublicJwkSchema>;
export type PrivateJwk = OutputOf<typeof PrivateJwkSchema>;

/** The imported keys of a program that signs assertions. */
export interface SigningKeys {
  /** The first key of the set. Only this key signs. */
  readonly signer: {
    readonly kid: string;
    readonly key: CryptoKey;
    /** The protected header of the assertions that this key signs, base64url encoded. */
    readonly header: string;
  };
  /** Every key of the set, with its public members only. */
  readonly jwks: { readonly keys: readonly PublicJwk[] };
}

/** Verification keys by `kid`. */
export type VerificationKeys = ReadonlyMap<string, CryptoKey>;

/** Finds the key of a `kid`, in a pinned key set or in a key set that is fetched. */
export type FindVerificationKey = (kid: string) => CryptoKey | undefined | Promise<CryptoKey | undefined>;

/**
 * Imports a private JWK Set (RFC 7517), as `countersign keys new` makes it: P-256 keys for ES256, each with its own `kid`. Does
 * not check the age of a key; `countersign keys rotate` replaces old ones.
 * @throws ConfigurationError that lists every problem and quotes no key
 */
export async function importSigningKeys(jwkSet: unknown): Promise<SigningKeys> {
  const keys = parseJwkSet("signing keys", PrivateJwkSchema, jwkSet);
  // Imports all keys, so that an unusable key is reported now, and not when a rotation makes it the signer.
  const imported = await Promise.all(
    keys.map(async (jwk) => ({ kid: jwk.kid, key: await importKey(jwk), header: formatHeader(jwk) })),
  );
  const [signer] = imported as [SigningKeys["signer"]];
  return {
    signer,
    jwks: { keys: keys.map(publicJwk) },
  };
}

function formatHeader({ kid }: PrivateJwk): string {
  return Buffer.from(JSON.stringify({ alg: ASSERTION_ALGORITHM, kid, typ: ASSERTION_TYPE })).toString("base64url");
}

/** Returns the response at `JWKS_PATH`: the public key set. */
export function publishKeys({ jwks }: SigningKeys): Response {
  return Response.json(jwks, {
    headers: { "content-type": "application/jwk-set+json", "cache-control": `public, max-age=${JWKS_MAX_AGE_SECONDS}` },
  });
}

/**
 * Imports a public JWK Set.
 * @throws ConfigurationError if the key set is malformed, or if a key has a private member
 */
export async function importVerificationKeys(jwkSet: unknown): Promise<VerificationKeys> {
  const keys = parsePublicKeySet(jwkSet);
  return new Map(await Promise.all(keys.map(async (jwk) => [jwk.kid, await importKey(jwk)] as const)));
}

/**
 * Parses a public key set in the form that a JWKS URL returns. Does not check that the coordinates are a point on the curve.
 * @throws ConfigurationError
 */
export function parsePublicKeySet(jwkSet: unknown): PublicJwk[] {
  return parseJwkSet("JWKS", PublicJwkSchema, jwkSet);
}

/** Parses a private key set, as `countersign keys` writes it. @throws ConfigurationError */
export function parsePrivateKeySet(jwkSet: unknown): PrivateJwk[] {
  return parseJwkSet("signing keys", PrivateJwkSchema, jwkSet);
}

/**
 * Makes a new private key. Its `kid` is the RFC 7638 thumbprint of the key. `now` (Unix seconds) is recorded as the time at which
 * the key was made.
 */
export async function generateSigningKey(now: number): Promise<PrivateJwk> {
  // The package `jose` is imported here and not at the top of the file, because only this function needs it, and loading its many
  // files takes time.
  const { calculateJwkThumbprint, exportJWK, generateKeyPair } = await import("jose");
  const { privateKey } = await generateKeyPair(ASSERTION_ALGORITHM, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  const [key] = parsePrivateKeySet({ keys: [{ ...jwk, kid, alg: ASSERTION_ALGORITHM, use: "sig", iat: now }] });
  return key as PrivateJwk;
}

export function publicJwk({ kty, crv, x, y, kid }: PublicJwk | PrivateJwk): PublicJwk {
  return { kty, crv, x, y, kid, alg: ASSERTION_ALGORITHM, use: "sig" };
}

function parseJwkSet<Key extends PublicJwk>(subject: string, form: Form<Key>, jwkSet: unknown): Key[] {
  const Schema = openObject({ keys: list(form, notEmpty("must hold at least one key")) }, "dropped");
  const { output, problems } = readForm(Schema, jwkSet);
  if (output === undefined) throw new ConfigurationError(subject, describeIssues(problems));
  const { keys } = output;
  const repeated = keys.filter(({ kid }, index) => keys.findIndex((other) => other.kid === kid) !== index);
  if (repeated.length > 0)
    throw new ConfigurationError(
      subject,
      repeated.map(({ kid }) => `kid ${kid} is used twice`),
    );
  return keys;
}

/**
 * Uses Web Crypto's `importKey`. The `importJWK` of the package `jose` would add all algorithms of `jose` to the worker's bundle.
 */
async function importKey(jwk: PublicJwk | PrivateJwk): Promise<CryptoKey> {
  const { kty, crv, x, y } = jwk;
  const secret = "d" in jwk && { d: jwk.d };
  try {
    const numbers = { kty, crv, x, y, ...secret };
    return await crypto.subtle.importKey("jwk", numbers, CURVE, !secret, [secret ? "sign" : "verify"]);
  } catch {
    throw new ConfigurationError("keys", [`kid ${jwk.kid}: x and y are not a point on P-256`]);
  }
}
