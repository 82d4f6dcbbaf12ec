// Tests whether two names count as equal when an issuer name is compared with a subject name (RFC 5280 §7.1).

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import {
  type DistinguishedName,
  foldName,
  parseDistinguishedName,
  parseDistinguishedNameDer,
} from "../../../core/x509/distinguished-name.ts";
import { satisfiesNameConstraints } from "../../../core/x509/name-constraints.ts";
import { distinguishedNames } from "../../support/arbitraries.ts";
import { encode, TAG } from "../../support/certificates/der-edit.ts";
import { encodeName, utf16 } from "../../support/certificates/edit.ts";
import type { Cases } from "../../support/scenes/certificates.ts";

const CN = "2.5.4.3";
const keyOf = (text: string) => foldName(parseDistinguishedName(text));
const keyOfValue = (tag: number, value: string | Uint8Array) =>
  foldName(parseDistinguishedNameDer(encode(encodeName([[CN, tag, value]]))));

function isSame(a: string, b: string): void {
  assert.equal(keyOf(a), keyOf(b), `${a} and ${b}`);
}
function differs(a: string, b: string): void {
  assert.notEqual(keyOf(a), keyOf(b), `${a} and ${b}`);
}

export const cases: Cases = {
  "foldName() is the same for PrintableString and UTF8String": ({ certificates }) => {
    assert.equal(keyOfValue(TAG.printable, "Acme CA"), keyOfValue(TAG.utf8, "Acme CA"));
    const [utf8, printable] = [certificates.named, certificates.namedPrintable].map(parseCertificate);
    assert.equal(utf8?.foldedSubject, printable?.foldedSubject);
    assert.notEqual(utf8?.sha256, printable?.sha256);
  },
  "foldName() folds case and white space": () => {
    isSame("CN=Acme CA,C=us", "CN=ACME ca,C=US");
    isSame("CN=Acme   CA", "CN=\\ Acme CA\\ ");
    isSame("CN=Acme\u00a0CA", "CN=Acme CA");
    isSame("CN=ÉCOLE", "CN=école");
  },
  "foldName() does not remove white space completely": () => {
    differs("CN=Acme CA", "CN=AcmeCA");
    differs("CN=", "CN=a");
  },
  "foldName() folds composed and decomposed letters": () => {
    isSame("CN=\u00e9cole", "CN=e\u0301cole");
  },
  "foldName() keeps the order of RDNs, but not the order within an RDN": () => {
    differs("CN=a,O=b", "O=b,CN=a");
    isSame("CN=a+O=b,C=US", "O=b+CN=a,C=US");
    differs("CN=a+O=b", "CN=a,O=b");
  },
  "foldName() differs for letters that only look alike": () => {
    differs("CN=client.example", "CN=сlient.example");
    differs("CN=l", "CN=I");
    differs("CN=0", "CN=O");
  },
  "foldName() differs by attribute type, and by value of a repeated type": () => {
    differs("CN=a", "OU=a");
    differs("OU=a,OU=b", "OU=b,OU=a");
    differs("CN=a", "CN=a,CN=a");
    differs("CN=a+CN=a", "CN=a");
  },
  "foldName() does not change values of unknown types": () => {
    differs("1.2.3.4=A", "1.2.3.4=a");
    isSame("1.2.3.4=A", "1.2.3.4=#0c0141");
  },
  "foldName() distinguishes BMPString from every text": () => {
    const opaque = keyOfValue(TAG.bmp, utf16("Acme CA"));
    assert.notEqual(opaque, keyOfValue(TAG.utf8, "Acme CA"));
    assert.equal(opaque, keyOfValue(TAG.bmp, utf16("Acme CA")));
    assert.notEqual(opaque, keyOfValue(TAG.bmp, utf16("acme CA")));
  },
  "foldName() cannot be imitated by text with the same punctuation": () => {
    differs("CN=a\\,OU=b", "CN=a,OU=b");
    differs('CN=a\\"]\\,[\\"2.5.4.11=b', "OU=b,CN=a");
    differs("CN=\\#0500", "CN=#0500");
  },
  "foldName() does not depend on case or on the order within RDNs": () => {
    const shuffled = (name: DistinguishedName) =>
      name.map((rdn) =>
        rdn
          .toReversed()
          .map((a) =>
            "text" in a && a.type.startsWith("2.5.4.")
              ? { ...a, text: a.text.replace(/[a-z]/g, (c) => c.toUpperCase()) }
              : a,
          ),
      );
    fc.assert(
      fc.property(distinguishedNames, (name) => {
        assert.equal(foldName(shuffled(name)), foldName(name));
      }),
      { numRuns: 200 },
    );
  },
  "satisfiesNameConstraints() accepts only the name itself and its ancestors as subtrees of it": () => {
    const directory = (text: string) => ({ kind: "directory" as const, name: parseDistinguishedName(text) });
    const within = (name: string, base: string) =>
      satisfiesNameConstraints([directory(name)], { permitted: [directory(base)], excluded: [] });
    assert.equal(within("CN=a,O=b,C=US", "O=B,C=us"), true);
    assert.equal(within("CN=a,O=b,C=US", "CN=a,O=b,C=US"), true);
    assert.equal(within("CN=a,O=b,C=US", ""), true);
    assert.equal(within("O=b,C=US", "CN=a,O=b,C=US"), false);
    assert.equal(within("CN=a,O=b,C=US", "CN=a,O=b"), false);
    assert.equal(within("CN=a,O=bb,C=US", "O=b,C=US"), false);
    assert.equal(within("", "C=US"), false);
  },
};
