// CA certificates whose keys signed revocation lists, and that were on a path to an anchor. They are stored, so that a forged list
// cannot replace a genuine one after a restart either. They prove no certificate, and a request still accepts a list only if the
// path of its own certificate proves the list.

import type { Policy } from "../policy/policy.ts";
import { MAX_CRL_AUTHORITIES } from "../wire.ts";
import { type Certificate, isSameAuthority, parseCertificate } from "../x509/certificate.ts";
import type { Crl } from "../x509/crl.ts";
import { readValues } from "../x509/encoded-values.ts";
import { signerOnPath } from "./revocation.ts";

/** The key under which these certificates are stored, next to the lists of the sources. It is no path and no URL of a source. */
export const AUTHORITIES_KEY = "countersign:authorities";

/** Returns the certificates whose keys prove lists: the anchors and the stored certificates. */
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

/** Concatenates the DER of the certificates. */
export function formatAuthorities(authorities: readonly Certificate[]): Uint8Array {
  return Buffer.concat(authorities.map(({ base64 }) => Buffer.from(base64, "base64")));
}

/** Returns the signers of these lists that are not in `known`. */
export function newAuthorities(known: readonly Certificate[], lists: readonly Crl[]): readonly Certificate[] {
  const found: Certificate[] = [];
  for (const list of lists) {
    const signer = signerOnPath(list);
    const isNew = signer !== undefined && ![...known, ...found].some((other) => isSameAuthority(other, signer));
    if (isNew) found.push(signer);
  }
  return found;
}

/** Adds the found certificates to the stored ones. If there are too many, the oldest are dropped. */
export function mergeAuthorities(
  stored: readonly Certificate[],
  found: readonly Certificate[],
): readonly Certificate[] {
  const others = stored.filter((one) => !found.some((other) => isSameAuthority(one, other)));
  return [...others, ...found].slice(-MAX_CRL_AUTHORITIES);
}
