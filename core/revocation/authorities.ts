// Authorities are CA certificates that were on a validated path to an anchor and whose keys signed a revocation list. They are
// stored, so that a genuine list is still recognised after a restart, and a forged list cannot replace it. An authority does not
// prove a sender's certificate. An authority also has no influence on which lists a request uses. A request uses a list only if a
// CA on the path of the sender's own certificate, or an anchor, signed the list.

import type { Policy } from "../policy/policy.ts";
import { MAX_CRL_AUTHORITIES } from "../wire.ts";
import { type Certificate, isSameAuthority, parseCertificate } from "../x509/certificate.ts";
import type { Crl } from "../x509/crl.ts";
import { readValues } from "../x509/encoded-values.ts";
import { signerOnPath } from "./revocation.ts";

/**
 * The storage key of the authorities. They are stored next to the lists. The storage key of a list is its source, which is a file
 * path or a URL. This text is neither, so it is never the storage key of a list.
 */
export const AUTHORITIES_KEY = "countersign:authorities";

/** Returns the certificates whose keys prove lists: the anchors and the stored authorities. */
export function authoritiesOf({ anchors }: Policy, stored?: Uint8Array): readonly Certificate[] {
  return [...anchors.map(({ certificate }) => certificate), ...readAuthorities(stored)];
}

/** Reads the stored authorities. Leaves out certificates that cannot be parsed. */
export function readAuthorities(stored: Uint8Array | undefined): readonly Certificate[] {
  return [...(stored === undefined ? [] : readValues(stored))].flatMap((der) => {
    try {
      return [parseCertificate(Buffer.from(der).toString("base64"))];
    } catch {
      return [];
    }
  });
}

export function formatAuthorities(authorities: readonly Certificate[]): Uint8Array {
  return Buffer.concat(authorities.map(({ base64 }) => Buffer.from(base64, "base64")));
}

/** Returns the signer of each list, if `signerOnPath` knows the signer and `known` does not contain it. */
export function newAuthorities(known: readonly Certificate[], lists: readonly Crl[]): readonly Certificate[] {
  const found: Certificate[] = [];
  for (const list of lists) {
    const signer = signerOnPath(list);
    const isNew = signer !== undefined && ![...known, ...found].some((other) => isSameAuthority(other, signer));
    if (isNew) found.push(signer);
  }
  return found;
}

/** Adds the found authorities to the stored ones. If there are too many, the oldest are dropped. */
export function mergeAuthorities(
  stored: readonly Certificate[],
  found: readonly Certificate[],
): readonly Certificate[] {
  const others = stored.filter((one) => !found.some((other) => isSameAuthority(one, other)));
  return [...others, ...found].slice(-MAX_CRL_AUTHORITIES);
}
