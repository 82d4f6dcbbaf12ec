// CA certificates whose keys were seen to sign revocation lists, on paths that led to an anchor. They are stored, so that after a
// restart, too, a forged list cannot replace a genuine one. They prove no certificate; and a request accepts a list only if its
// own path proves it.

import type { Policy } from "../policy/policy.ts";
import { MAX_CRL_AUTHORITIES } from "../wire.ts";
import { type Certificate, isSameAuthority, parseCertificate } from "../x509/certificate.ts";
import type { Crl } from "../x509/crl.ts";
import { readValues } from "../x509/encoded-values.ts";
import { signerOnPath } from "./revocation.ts";

/** The key under which they are stored, next to the lists of the sources. It is neither a path nor the URL of a source. */
export const AUTHORITIES_KEY = "countersign:authorities";

/** The certificates whose keys prove lists: the anchors, and the stored ones. */
export function authoritiesOf({ anchors }: Policy, stored?: Uint8Array): readonly Certificate[] {
  return [...anchors.map(({ certificate }) => certificate), ...readAuthorities(stored)];
}

/** Reads the stored certificates. Leaves out those that cannot be parsed. */
export function readAuthorities(stored: Uint8Array | undefined): readonly Certificate[] {
  return [...(stored === undefined ? [] : readValues(stored))].flatMap((der) => {
    try {
      return [parseCertificate(Buffer.from(der).toString("base64"))];
    } catch {
      return [];
    }
  });
}

/** Writes their DER, one after the other. */
export function formatAuthorities(authorities: readonly Certificate[]): Uint8Array {
  return Buffer.concat(authorities.map(({ base64 }) => Buffer.from(base64, "base64")));
}

/** The signers of these lists that are not known yet. */
export function newAuthorities(known: readonly Certificate[], lists: readonly Crl[]): readonly Certificate[] {
  const found: Certificate[] = [];
  for (const list of lists) {
    const signer = signerOnPath(list);
    const isNew = signer !== undefined && ![...known, ...found].some((other) => isSameAuthority(other, signer));
    if (isNew) found.push(signer);
  }
  return found;
}

/** Adds those that were found. If there are too many, the oldest are dropped. */
export function mergeAuthorities(
  stored: readonly Certificate[],
  found: readonly Certificate[],
): readonly Certificate[] {
  const others = stored.filter((one) => !found.some((other) => isSameAuthority(one, other)));
  return [...others, ...found].slice(-MAX_CRL_AUTHORITIES);
}
