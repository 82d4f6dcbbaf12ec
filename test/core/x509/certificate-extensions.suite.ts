// Tests the extensions of a certificate on which a decision can depend.

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { oid, sequence, TAG, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import { edit, setExtension } from "../../support/certificates/edit.ts";
import { type Cases, type Fixtures, refused } from "../../support/scenes/certificates.ts";

const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
const EXTENDED_KEY_USAGE = "2.5.29.37";

const withExtension = ({ certificates }: Fixtures, id: string, value: Tlv, critical = false) =>
  parseCertificate(edit(certificates.direct, (parts) => setExtension(parts, id, value, critical)));

/** Returns the DER of a KeyUsage with these bits set. Bit 0 comes first (RFC 5280 §4.2.1.3). */
function keyUsage(bits: readonly number[]): Tlv {
  const size = Math.max(...bits) + 1;
  const octets = new Uint8Array(Math.ceil(size / 8));
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return tlv(TAG.bitString, [octets.length * 8 - size, ...octets]);
}

export const cases: Cases = {
  "parseCertificate() reads digitalSignature and keyCertSign from every combination of key usages": (fixtures) => {
    fc.assert(
      fc.property(fc.subarray([0, 1, 2, 3, 4, 5, 6, 7, 8], { minLength: 1 }), (bits) => {
        assert.deepEqual(withExtension(fixtures, KEY_USAGE, keyUsage(bits)).keyUsage, {
          digitalSignature: bits.includes(0),
          keyCertSign: bits.includes(5),
          cRLSign: bits.includes(6),
        });
      }),
      { numRuns: 200 },
    );
  },
  "parseCertificate() reads a key usage without bits as permitting nothing": (fixtures) => {
    const { keyUsage: usage } = withExtension(fixtures, KEY_USAGE, tlv(TAG.bitString, [0]));
    assert.deepEqual(usage, { digitalSignature: false, keyCertSign: false, cRLSign: false });
  },
  "parseCertificate() reads basic constraints and their path length": (fixtures) => {
    const read = (...content: Tlv[]) => {
      const { isCa, pathLength } = withExtension(fixtures, BASIC_CONSTRAINTS, sequence(...content), true);
      return [isCa, pathLength];
    };
    const yes = tlv(TAG.boolean, [0xff]);
    assert.deepEqual(read(), [false, undefined]);
    assert.deepEqual(read(yes), [true, undefined]);
    assert.deepEqual(read(yes, tlv(TAG.integer, [0])), [true, 0]);
    assert.deepEqual(read(yes, tlv(TAG.integer, [3])), [true, 3]);
  },
  "parseCertificate() reads extended key usages as OIDs": (fixtures) => {
    const ids = ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "2.5.29.37.0", "1.3.6.1.4.1.311.10.3.4"];
    assert.deepEqual(withExtension(fixtures, EXTENDED_KEY_USAGE, sequence(...ids.map(oid))).extendedKeyUsage, ids);
  },
  "parseCertificate() reads key identifiers that match along a chain": ({ certificates }) => {
    const root = parseCertificate(certificates.root);
    const direct = parseCertificate(certificates.direct);
    assert.match(root.subjectKeyId ?? "", /^[0-9a-f]{40}$/);
    assert.equal(direct.authorityKeyId, root.subjectKeyId);
    assert.notEqual(parseCertificate(certificates.rootTwin).subjectKeyId, root.subjectKeyId);
  },
  "parseCertificate() lists critical extensions that are not understood": (fixtures) => {
    const unknown = (critical: boolean) => [
      ...withExtension(fixtures, "1.2.3.4", tlv(5, []), critical).unknownCritical,
    ];
    assert.deepEqual(unknown(true), ["1.2.3.4"]);
    assert.deepEqual(unknown(false), []);
  },
  "parseCertificate() does not claim to understand an extension that it does not read": (fixtures) => {
    const point = sequence(tlv(0xa0, [tlv(0xa0, [tlv(0x86, "http://a.example/")])]));
    const values: Readonly<Record<string, Tlv>> = {
      "2.5.29.31": sequence(point),
      "2.5.29.33": sequence(sequence(oid("1.2.3"), oid("1.2.4"))),
      "2.5.29.36": sequence(tlv(0x80, [0])),
      "2.5.29.46": sequence(point),
      "2.5.29.54": tlv(TAG.integer, [0]),
      // The first OID is that of OCSP must-staple. The second is that of the poison extension of Certificate Transparency.
      "1.3.6.1.5.5.7.1.24": sequence(tlv(TAG.integer, [5])),
      "1.3.6.1.4.1.11129.2.4.3": tlv(5, []),
    };
    for (const [id, value] of Object.entries(values)) {
      assert.deepEqual([...withExtension(fixtures, id, value, true).unknownCritical], [id]);
    }
  },
  "parseCertificate() understands the extensions that it reads, critical or not": ({ certificates }) => {
    for (const name of ["policiesClient", "policiesCa", "dnsCa", "client", "intermediate"] as const) {
      assert.equal(parseCertificate(certificates[name]).unknownCritical.length, 0, name);
    }
  },
  "parseCertificate() reads name constraints": ({ certificates }) => {
    assert.deepEqual(parseCertificate(certificates.dnsCa).nameConstraints, {
      permitted: [{ kind: "dns", value: "client.example" }],
      excluded: [],
    });
    assert.equal(parseCertificate(certificates.root).nameConstraints, undefined);
  },
  "parseCertificate() refuses an empty subjectAltName": ({ certificates }) => {
    const base64 = edit(certificates.direct, (parts) => setExtension(parts, "2.5.29.17", sequence()));
    refused("certificate_malformed", () => parseCertificate(base64));
  },
};
