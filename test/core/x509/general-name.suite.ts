// Tests the types of a GeneralName, and how IP addresses are written as text.

import assert from "node:assert/strict";
import fc from "fast-check";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { readDer } from "../../../core/x509/der.ts";
import {
  canonicalIpAddress,
  formatIpAddress,
  parseIpAddress,
  readGeneralName,
  readGeneralNames,
} from "../../../core/x509/general-name.ts";
import { encode, oid, sequence, set, TAG, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import { encodeName, withSubjectAltNames } from "../../support/certificates/edit.ts";
import { type Cases, refused } from "../../support/scenes/certificates.ts";

const TEXT_TAGS = { email: 0x81, dns: 0x82, uri: 0x86 };
const read = (name: Tlv) => readDer(encode(name), readGeneralName);

export const cases: Cases = {
  "readGeneralName() reads each text kind under its own tag": () => {
    for (const [kind, tag] of Object.entries(TEXT_TAGS)) {
      assert.deepEqual(read(tlv(tag, "client.example")), { kind, value: "client.example" });
    }
  },
  "readGeneralName() reads a directory name and an IP address": () => {
    const directory = tlv(0xa4, [encodeName([["2.5.4.3", TAG.utf8, "a"]])]);
    assert.deepEqual(read(directory), { kind: "directory", name: [[{ type: "2.5.4.3", text: "a" }]] });
    assert.deepEqual(read(tlv(0x87, [192, 0, 2, 7])), { kind: "ip", octets: Uint8Array.of(192, 0, 2, 7) });
  },
  "readGeneralName() keeps kinds that are not understood as other": () => {
    const other = [
      tlv(0xa0, [oid("1.3.6.1.4.1.311.20.2.3"), tlv(0xa0, [tlv(TAG.utf8, "user@client.example")])]),
      tlv(0xa3, [sequence()]),
      tlv(0xa5, [tlv(0xa1, [tlv(TAG.utf8, "party")])]),
      tlv(0x88, [0x2a, 0x03]),
    ];
    assert.deepEqual(
      other.map(read),
      [0, 3, 5, 8].map((tag) => ({ kind: "other", tag })),
    );
  },
  "readGeneralName() refuses NUL, space, controls and non-ASCII in every text kind": () => {
    const bad = ["good.example\u0000.evil.example", "a b", "a\n", "a\u007f", "é.example", "a\t", " a", "a "];
    for (const tag of Object.values(TEXT_TAGS)) {
      for (const text of bad) assert.throws(() => read(tlv(tag, text)), SyntaxError, `${tag} ${JSON.stringify(text)}`);
      assert.throws(() => read(tlv(tag, [0xe9])), SyntaxError);
    }
  },
  "readGeneralName() refuses a tag that is not context-specific, or above 8": () => {
    for (const tag of [TAG.utf8, TAG.ia5, TAG.sequence, 0x89, 0x42])
      assert.throws(() => read(tlv(tag, [])), SyntaxError);
  },
  "readGeneralName() refuses a text or an address in constructed form": () => {
    // The tag and the length of the inner value are visible ASCII characters ("A" and "0"), so that a careless reader would read
    // text.
    const inner = tlv(0x41, "A".repeat(0x30));
    for (const tag of [0xa1, 0xa2, 0xa6, 0xa7]) assert.throws(() => read(tlv(tag, [inner])), `tag ${tag.toString(16)}`);
  },
  "readGeneralName() refuses a directory name in primitive form": () => {
    const name = encode(encodeName([["2.5.4.3", TAG.utf8, "a"]]));
    assert.throws(() => read(tlv(0x84, name)));
  },
  "readGeneralName() refuses a directory name with bytes after it": () => {
    const name = encodeName([["2.5.4.3", TAG.utf8, "a"]]);
    assert.throws(() => read(tlv(0xa4, [name, tlv(5, [])])));
  },
  "readGeneralNames() refuses an empty list and values that are not a SEQUENCE": () => {
    for (const value of [sequence(), set(tlv(0x82, "a")), tlv(0x82, "a")]) {
      assert.throws(() => readDer(encode(value), readGeneralNames), SyntaxError);
    }
  },
  "parseCertificate() refuses a certificate with NUL in any subjectAltName": ({ certificates }) => {
    for (const tag of Object.values(TEXT_TAGS)) {
      const base64 = withSubjectAltNames(certificates.direct, tlv(0x82, "a.example"), tlv(tag, "good\u0000.evil"));
      refused("certificate_malformed", () => parseCertificate(base64));
    }
  },
  "formatIpAddress() writes RFC 5952 text": () => {
    const format = (...octets: number[]) => formatIpAddress(Uint8Array.from(octets));
    assert.equal(format(192, 0, 2, 7), "192.0.2.7");
    assert.equal(format(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1), "2001:db8::1:0:0:1");
    assert.equal(format(...Array.from({ length: 16 }, () => 0)), "::");
    for (const length of [0, 3, 5, 8, 15, 17]) assert.equal(formatIpAddress(new Uint8Array(length)), undefined);
  },
  "canonicalIpAddress() reads back every address that formatIpAddress() writes": () => {
    const addresses = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
    );
    fc.assert(
      fc.property(addresses, (octets) => {
        const text = formatIpAddress(octets);
        assert.equal(canonicalIpAddress(text ?? ""), text);
      }),
      { numRuns: 200 },
    );
  },
  "parseIpAddress() reads back every address, and nothing else": () => {
    const octet = fc.constantFrom(0, 0, 0, 1, 0x7f, 0xff);
    const addresses = [4, 16].map((length) => fc.array(octet, { minLength: length, maxLength: length }));
    fc.assert(
      fc.property(fc.oneof(...addresses), (list) => {
        const octets = Uint8Array.from(list);
        assert.deepEqual(parseIpAddress(formatIpAddress(octets) ?? ""), octets);
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(parseIpAddress("2001:DB8::192.0.2.1")?.at(-1), 1);
    for (const text of ["", "1.2.3", "::1::", "a.example"]) assert.equal(parseIpAddress(text), undefined, text);
  },
  "readGeneralName() requires the form of an EDI party: two names, of which the first may be missing": () => {
    const [assigner, party] = [tlv(0xa0, [tlv(TAG.utf8, "a")]), tlv(0xa1, [tlv(TAG.utf8, "b")])];
    assert.deepEqual(read(tlv(0xa5, [assigner, party])), { kind: "other", tag: 5 });
    for (const bad of [[party, assigner], [assigner], [tlv(0xa0), party], [tlv(0xa1)], [party, party]]) {
      assert.throws(() => read(tlv(0xa5, bad)), SyntaxError);
    }
  },
  "canonicalIpAddress() gives every form of an IPv6 address the same text": () => {
    for (const text of ["2001:DB8:0:0:0:0:0:7", "2001:db8::0007", "2001:db8::0.0.0.7"]) {
      assert.equal(canonicalIpAddress(text), "2001:db8::7", text);
    }
  },
  "canonicalIpAddress() refuses text that is not an address": () => {
    const bad = [
      "",
      "1.2.3",
      "1.2.3.256",
      "1.2.3.4.",
      "1.2.3.4/8",
      ":",
      "2001:db8",
      "::1%eth0",
      "[::1]",
      "client.example",
      "0x7f.1",
      "1::2::3",
      "fe80::1]:80",
      "::1]/",
      "::1]:80/",
      "a]@[::1",
      "1.2.3.4:80",
    ];
    for (const text of bad) assert.equal(canonicalIpAddress(text), undefined, text);
  },
  "canonicalIpAddress() refuses leading zeros, which some programs read as octal": () => {
    for (const text of ["010.0.0.1", "192.000.2.1"]) assert.equal(canonicalIpAddress(text), undefined, text);
  },
};
