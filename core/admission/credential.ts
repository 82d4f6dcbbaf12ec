// A secret that a request carries as it is: a user name with its password, or a token. Only its digest is kept.

import { sha256, timingSafeEqual } from "../crypto.ts";

declare const imported: unique symbol;

/** A credential that can be compared but not read. Printing it shows no secret. Only makeCredential makes one. */
export interface Credential {
  readonly [imported]: true;
  readonly matches: (digest: Uint8Array) => boolean;
}

export function makeCredential(octets: Uint8Array): Credential {
  const expected = sha256(octets, "buffer");
  return { matches: (digest: Uint8Array) => timingSafeEqual(digest, expected) } as unknown as Credential;
}

/** Compares the digest of the octets with the digest of every credential, each in constant time. */
export function isOneOf(credentials: readonly Credential[], octets: Uint8Array): boolean {
  const digest = sha256(octets, "buffer");
  let isFound = false;
  for (const credential of credentials) isFound = credential.matches(digest) || isFound;
  return isFound;
}
