// Tests bytes that are not a certificate, and text that is not canonical base64. Each input must either be read or be refused as
// malformed. Other errors are not allowed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Refusal } from "../../../core/refusal.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import {
  concat,
  encode,
  fromBase64,
  members,
  oid,
  sequence,
  TAG,
  type Tlv,
  toBase64,
} from "../../support/certificates/der-edit.ts";
import { edit } from "../../support/certificates/edit.ts";
import { type Cases, malformed } from "../../support/scenes/certificates.ts";

/** Checks that the input is either a certificate with readable facts, or is refused as malformed. */
function readsOrRefuses(base64: string): void {
  try {
    const certificate = parseCertificate(base64);
    assert.equal(certificate.base64, base64);
    assert.match(certificate.serial, /^[0-9a-f]{1,40}$/);
    assert.ok(Number.isSafeInteger(certificate.notBefore) && Number.isSafeInteger(certificate.notAfter));
    formatDistinguishedName(certificate.subject);
    certificate.isSignedBy(certificate);
  } catch (error) {
    assert.ok(error instanceof Refusal, String(error));
    assert.equal(error.code, "certificate_malformed");
  }
}

/**
 * Replaces one value of these trees. The values are counted depth first, starting at 0. `index` is the number of the value to
 * replace, modulo the number of values.
 */
function replaceNth(siblings: Tlv[], index: number, replacement: Tlv): void {
  const places: (readonly [Tlv[], number])[] = [];
  const visit = (list: Tlv[]): void => {
    for (const [at, node] of list.entries()) {
      places.push([list, at]);
      if (!(node.content instanceof Uint8Array)) visit(members(node));
    }
  };
  visit(siblings);
  const [list, at] = places[index % places.length] as readonly [Tlv[], number];
  list[at] = replacement;
}

export const cases: Cases = {
  "parseCertificate() refuses bytes after the certificate": ({ certificates }) => {
    const der = fromBase64(certificates.direct);
    malformed("a zero", toBase64(concat(der, Uint8Array.of(0))));
    malformed("another certificate", toBase64(concat(der, der)));
  },
  "parseCertificate() refuses lengths that are BER and not DER": ({ certificates }) => {
    const der = fromBase64(certificates.direct);
    const [size, body] = [der.subarray(2, 4), der.subarray(4)];
    malformed("a padded length", toBase64(concat(Uint8Array.of(0x30, 0x83, 0), size, body)));
    malformed("no definite length", toBase64(concat(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0))));
    const inner = encode(sequence(oid("1.2.840.10045.4.3.2")));
    const long = concat(Uint8Array.of(0x30, 0x81), inner.subarray(1));
    const grown = edit(certificates.direct, ({ certificate }) => {
      certificate[1] = { tag: 0x30, content: [{ tag: 0x00, content: Uint8Array.of() }] };
    });
    const text = Buffer.from(fromBase64(grown)).toString("hex").replace("30020000", Buffer.from(long).toString("hex"));
    // The certificate is longer now, so its outer length is written again. The tag and the length itself take four octets.
    const whole = Buffer.from(text, "hex");
    whole.writeUInt16BE(whole.length - 4, 2);
    malformed("a padded length within", whole.toString("base64"));
  },
  "parseCertificate() refuses base64 that is not canonical": ({ certificates: { direct } }) => {
    const bare = direct.replace(/=+$/, "");
    const spellings = [
      "",
      ` ${direct}`,
      `${direct}\n`,
      direct.replace(/(.{64})/, "$1\n"),
      `${direct}=`,
      `${direct}AAAA`.replace("==", ""),
      `${direct.slice(0, 80)}*${direct.slice(80)}`,
      `:${direct}:`,
    ];
    if (bare !== direct) spellings.push(bare);
    if (/[+/]/.test(direct)) spellings.push(direct.replaceAll("+", "-").replaceAll("/", "_"));
    for (const text of spellings) malformed(JSON.stringify(text.slice(-20)), text);
  },
  "parseCertificate() refuses base64 whose unused bits are set": ({ certificates }) => {
    const padded = Object.values(certificates).find((base64) => base64.endsWith("=")) as string;
    const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const last = padded.search(/=+$/) - 1;
    const other = padded.slice(0, last) + digits[digits.indexOf(padded[last] ?? "") + 1] + padded.slice(last + 1);
    assert.deepEqual(fromBase64(other), fromBase64(padded));
    malformed("unused bits", other);
  },
  "parseCertificate() refuses a certificate that ends at any earlier byte": ({ certificates }) => {
    const der = fromBase64(certificates.direct);
    for (let length = 0; length < der.byteLength; length++) {
      malformed(`${length} bytes`, toBase64(der.subarray(0, length)));
    }
  },
  "parseCertificate() reads or refuses a certificate with any byte changed": ({ certificates }) => {
    const der = fromBase64(certificates.client);
    const flips = fc.array(fc.tuple(fc.nat(der.byteLength - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 3,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const changed = der.slice();
        for (const [at, mask] of changes) changed[at] = (changed[at] ?? 0) ^ mask;
        readsOrRefuses(toBase64(changed));
      }),
      { numRuns: 1000 },
    );
  },
  "parseCertificate() reads or refuses a certificate with any value replaced": ({ certificates }) => {
    const tags = fc.constantFrom(...Object.values(TAG), 0x80, 0x82, 0xa0, 0xa3, 5, 10);
    fc.assert(
      fc.property(fc.nat(60), tags, fc.uint8Array({ maxLength: 8 }), (index, tag, content) => {
        readsOrRefuses(
          edit(certificates.client, ({ certificate }) => replaceNth(certificate, index, { tag, content })),
        );
      }),
      { numRuns: 500 },
    );
  },
  "parseCertificate() reads or refuses any bytes": () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) =>
        readsOrRefuses(toBase64(concat(Uint8Array.of(0x30), bytes))),
      ),
      { numRuns: 300 },
    );
  },
};
