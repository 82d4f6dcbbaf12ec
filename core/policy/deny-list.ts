// Compiles the deny list of a policy: certificates, keys and serial numbers that no sender may present.

import { type Certificate, isSameAuthority } from "../x509/certificate.ts";
import { digestsOf } from "../x509/certificate-digests.ts";
import { foldName, parseDistinguishedName } from "../x509/distinguished-name.ts";
import { foldedIssuersOf } from "../x509/legacy-texts.ts";
import { normalizeHex } from "./matcher.ts";
import type { Anchor, DenyList } from "./policy.ts";
import { readOrFault } from "./problem.ts";
import type { PolicyDocument } from "./schema.ts";

type DeniedDocument = NonNullable<PolicyDocument["deny"]>[number];

/** Compiles the entries. `attempt` reports the PolicyFault of an entry that cannot be compiled. */
export function compileDenyList(
  entries: readonly DeniedDocument[],
  anchors: readonly Anchor[],
  attempt: (index: number, compileOne: () => unknown) => void,
): DenyList {
  const denied = new Set<string>();
  for (const [index, entry] of entries.entries()) attempt(index, () => denied.add(deniedKey(entry)));
  const isNamed = (certificate: Certificate) => digestsOf(certificate).some((digest) => denied.has(digest));
  const authorities = anchors.map(({ certificate }) => certificate);
  const isNamedAuthority = (certificate: Certificate, presented: readonly Certificate[]) =>
    certificate.isCa && [...authorities, ...presented].some((one) => isSameAuthority(certificate, one) && isNamed(one));
  const hasDigests = entries.some((entry) => "sha256" in entry);
  return {
    holds: (certificate, presented = []) =>
      denied.size > 0 &&
      (denied.has(`key ${certificate.spkiSha256}`) ||
        foldedIssuersOf(certificate).some((key) => denied.has(serialKey(certificate.serial, key))) ||
        (hasDigests && (isNamed(certificate) || isNamedAuthority(certificate, presented)))),
  };
}

function deniedKey(entry: DeniedDocument): string {
  if ("sha256" in entry) return normalizeHex(entry.sha256);
  if ("spkiSha256" in entry) return `key ${normalizeHex(entry.spkiSha256)}`;
  const issuer = readOrFault("malformed_dn", () => parseDistinguishedName(entry.issuer), "issuer: ");
  return serialKey(normalizeHex(entry.serial), foldName(issuer));
}

function serialKey(serial: string, foldedIssuer: string): string {
  return `serial ${serial.replace(/^0+(?=.)/, "")} ${foldedIssuer}`;
}
