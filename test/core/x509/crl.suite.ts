// Tests a revocation list that is read from DER: the facts of the list, its entries, and which key signed it.

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { type Crl, parseCrl } from "../../../core/x509/crl.ts";
import {
  decode,
  encode,
  fromBase64,
  members,
  sequence,
  TAG,
  type Tlv,
  tlv,
} from "../../support/certificates/der-edit.ts";
import type { Cases, Fixtures } from "../../support/scenes/certificates.ts";

const read = (base64: string): Crl => parseCrl(fromBase64(base64));
const ROOT = "CN=Root,O=Countersign Tests,C=US";
const WEEK = 7 * 24 * 3600;
const LARGE = 100_000;

/**
 * Returns an unsigned list with this number of entries. The serial numbers start at 0x4000000000000000, and each entry has a
 * reason.
 */
function largeCrl({ crls }: Fixtures, entries: number): Uint8Array {
  const [tbs, ...rest] = members(decode(fromBase64(crls.rootRevokesDirect)));
  const reason = sequence(tlv(TAG.oid, [0x55, 0x1d, 0x15]), tlv(TAG.octetString, [10, 1, 1]));
  const after: Tlv[] = [tlv(TAG.utcTime, "261201000000Z"), sequence(reason)];
  const list = Array.from({ length: entries }, (_, index) => {
    const serial = Uint8Array.of(0x40, 0, 0, 0, index >>> 24, index >>> 16, index >>> 8, index);
    return sequence(tlv(TAG.integer, serial), ...after);
  });
  const fields = members(tbs).with(5, { tag: TAG.sequence, content: list });
  return encode(sequence(sequence(...fields), ...rest));
}

export const cases: Cases = {
  "parseCrl() reads issuer, times, number and size": ({ crls, now, certificates }) => {
    const { issuer, foldedIssuer, thisUpdate, nextUpdate, number, size, distributionPoints } = read(crls.rootNewer);
    assert.deepEqual(
      { issuer, thisUpdate, nextUpdate, number, size, distributionPoints },
      {
        issuer: ROOT,
        thisUpdate: now - 1800,
        nextUpdate: now + WEEK,
        number: 2n,
        size: 0,
        distributionPoints: undefined,
      },
    );
    assert.equal(foldedIssuer, parseCertificate(certificates.root).foldedSubject);
  },
  "parseCrl() reads a list of openssl, with reasons, hold instructions and invalidity dates": ({
    crls,
    certificates,
    now,
  }) => {
    const list = read(crls.openssl);
    assert.deepEqual(
      [list.issuer, list.thisUpdate, list.nextUpdate, list.number, list.size],
      [ROOT, now, now + WEEK, 0x1000n, 3],
    );
    assert.ok(list.lists(parseCertificate(certificates.direct).serial) && list.lists("3") && list.lists("4"));
    assert.ok(list.isSignedBy(parseCertificate(certificates.root)));
  },
  "parseCrl() reads the distribution point of a list": ({ crls }) => {
    assert.deepEqual(read(crls.rootPointA).distributionPoints, ["http://crl.example/a.crl"]);
  },
  "Crl.lists() compares only whole numbers, in the form of Certificate": ({ crls }) => {
    const list = read(crls.entries);
    const listed = ["1", "ff", "7f00", "80ffffffffffffffffffffffffffffffffffffff"];
    assert.equal(list.size, listed.length);
    for (const serial of listed) assert.ok(list.lists(serial), serial);
    for (const serial of ["0", "f", "10", "100", "7f", "ff00", "7f0000", "8", "80", "", "80fffffff"])
      assert.ok(!list.lists(serial), serial);
  },
  "Crl.lists() is true for exactly the serial numbers of a large list": (fixtures) => {
    const list = parseCrl(largeCrl(fixtures, LARGE));
    assert.equal(list.size, LARGE);
    const serial = (index: number) => (0x4000000000000000n + BigInt(index)).toString(16);
    for (const index of [0, 1, 255, 256, LARGE / 2, LARGE - 1]) assert.ok(list.lists(serial(index)), `${index}`);
    for (const index of [-1, LARGE, LARGE + 1, 2 ** 31]) assert.ok(!list.lists(serial(index)), `${index}`);
  },
  "Crl.isSignedBy() is true for the authority's key, of any kind": ({ signedCrls }) => {
    assert.ok(signedCrls.length >= 5);
    for (const { kind, crl } of signedCrls) {
      const list = read(crl);
      for (const other of signedCrls) {
        assert.equal(list.isSignedBy(parseCertificate(other.authority)), other.kind === kind, `${kind} ${other.kind}`);
        assert.equal(list.isSignedBy(parseCertificate(other.authority)), other.kind === kind, "the second time");
      }
    }
  },
  "Crl.isSignedBy() is false for a key that signed another authority's list in its name": ({ crls, certificates }) => {
    assert.ok(read(crls.root).isSignedBy(parseCertificate(certificates.root)));
    assert.ok(!read(crls.rootForged).isSignedBy(parseCertificate(certificates.root)));
    assert.ok(read(crls.rootForged).isSignedBy(parseCertificate(certificates.stranger)));
  },
  "a list with changed bytes is never both readable and signed by its authority": ({ crls, certificates }) => {
    const root = parseCertificate(certificates.root);
    for (const name of ["entries", "openssl"] as const) {
      const der = fromBase64(crls[name]);
      const changes = fc.tuple(fc.nat(der.byteLength - 1), fc.integer({ min: 1, max: 255 }));
      fc.assert(
        fc.property(changes, ([at, mask]) => {
          const changed = der.slice();
          changed[at] = (changed[at] ?? 0) ^ mask;
          assert.ok(!isReadAndSigned(changed, root), `octet ${at}`);
        }),
        { numRuns: 1000 },
      );
    }
  },
};

function isReadAndSigned(der: Uint8Array, authority: Parameters<Crl["isSignedBy"]>[0]): boolean {
  try {
    return parseCrl(der).isSignedBy(authority);
  } catch (error) {
    assert.ok(error instanceof Error, String(error));
    return false;
  }
}
