// CA certificates whose keys were seen to sign revocation lists, on paths that led to an anchor. They outlive the process, so that
// a forged list does not take the place of a genuine one that was proven before. They prove no certificate, and no list to a request.

import { type Certificate, isSameAuthority, parseCertificate } from "./certificate.ts";
import type { Crl } from "./crl.ts";
import { readValues } from "./encoded-values.ts";
import type { Policy } from "./policy.ts";
import { signerOnPath } from "./revocation.ts";
import { MAX_CRL_AUTHORITIES } from "./wire.ts";

/** Where they are stored, beside the lists of the sources: neither a path nor the URL of a source. */
export const AUTHORITIES_KEY = "countersign:authorities";

/** Whose keys prove lists: the anchors, and those that were stored. */
export function authoritiesOf({ anchors }: Policy, stored?: Uint8Array): readonly Certificate[] {
  return [...anchors.map(({ certificate }) => certificate), ...readAuthorities(stored)];
}

/** Those that were stored; what cannot be read is none. */
export function readAuthorities(stored: Uint8Array | undefined): readonly Certificate[] {
  return [...(stored === undefined ? [] : readValues(stored))].flatMap((der) => {
    try {
      return [parseCertificate(Buffer.from(der).toString("base64"))];
    } catch {
      return [];
    }
  });
}

/** In DER, one after the other. */
export function formatAuthorities(authorities: readonly Certificate[]): Uint8Array {
  return Buffer.concat(authorities.map(({ base64 }) => Buffer.from(base64, "base64")));
}

/** Who signed these lists and is not known yet. */
export function newAuthorities(known: readonly Certificate[], lists: readonly Crl[]): readonly Certificate[] {
  const found: Certificate[] = [];
  for (const list of lists) {
    const signer = signerOnPath(list);
    const isNew = signer !== undefined && ![...known, ...found].some((other) => isSameAuthority(other, signer));
    if (isNew) found.push(signer);
  }
  return found;
}

/** With those that were found, the last found staying. */
export function mergeAuthorities(
  stored: readonly Certificate[],
  found: readonly Certificate[],
): readonly Certificate[] {
  const others = stored.filter((one) => !found.some((other) => isSameAuthority(one, other)));
  return [...others, ...found].slice(-MAX_CRL_AUTHORITIES);
}
