// Makes the unedited inputs of the differential test: every certificate and list of the core suites, the public roots of the
// runtime, and certificates with the extensions of RFC 5280.

import { X509Certificate } from "node:crypto";
import { EXTENSIONS, octetsOf } from "../core/x509/extension-values.suite.ts";
import { fromBase64 } from "../support/certificates/der-edit.ts";
import { edit, setExtension } from "../support/certificates/edit.ts";
import type { Fixtures } from "../support/fixtures/fixtures.ts";

/** A certificate before it is edited. */
export interface Original {
  readonly name: string;
  readonly der: Uint8Array;
  /** The certificate that is the issuer according to OpenSSL. Undefined if there is none. */
  readonly issuer: X509Certificate | undefined;
}

export interface Originals {
  readonly certificates: readonly Original[];
  readonly roots: readonly Original[];
  readonly crls: Readonly<Record<string, Uint8Array>>;
}

export function makeOriginals({ certificates, publicRoots, crls }: Fixtures): Originals {
  const extended = Object.entries(EXTENSIONS).flatMap(([name, { id, good }]) =>
    good.map((value, nth): readonly [string, string] => [
      `with ${name} ${nth}`,
      edit(certificates.direct, (parts) => setExtension(parts, id, octetsOf(value))),
    ]),
  );
  const known = Object.values(certificates).map((base64) => new X509Certificate(fromBase64(base64)));
  const original = ([name, base64]: readonly [string, string]): Original => {
    const der = fromBase64(base64);
    const x509 = new X509Certificate(der);
    return { name, der, issuer: [...known, x509].find((issuer) => x509.checkIssued(issuer)) };
  };
  return {
    certificates: [...Object.entries(certificates), ...extended].map(original),
    roots: publicRoots.map(({ base64 }, nth) => original([`public root ${nth}`, base64])),
    crls: Object.fromEntries(Object.entries(crls).map(([name, base64]) => [name, fromBase64(base64)])),
  };
}
