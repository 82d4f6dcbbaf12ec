// Tests the values of the extensions that RFC 5280 defines. An authority might sign a malformed value without noticing it. Each
// malformed value is refused, even if no decision depends on it.

import assert from "node:assert/strict";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { encode, oid, sequence, set, TAG, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import { edit, encodeName, setExtension } from "../../support/certificates/edit.ts";
import { type Cases, type Fixtures, malformed } from "../../support/scenes/certificates.ts";

type Value = Tlv | readonly number[];

/** Well-formed and malformed values of the extension with this OID. */
interface Values {
  readonly id: string;
  readonly good: readonly Value[];
  readonly bad: Readonly<Record<string, Value>>;
}

const text = Array.from(Buffer.from("example.com"));
const uri = tlv(0x86, "http://a.example/a b");
const fullName = tlv(0xa0, [tlv(0xa0, [uri])]);
const relativeName = tlv(0xa0, [tlv(0xa1, [sequence(oid("2.5.4.3"), tlv(TAG.utf8, "a"))])]);
const integer = (...octets: number[]) => tlv(TAG.integer, octets);
const directory = tlv(0xa4, [encodeName([["2.5.4.3", TAG.utf8, "a"]])]);
const policy = (...qualifiers: Tlv[]) =>
  sequence(oid("1.2.3"), ...(qualifiers.length > 0 ? [sequence(...qualifiers)] : []));
const [CPS, NOTICE] = [oid("1.3.6.1.5.5.7.2.1"), oid("1.3.6.1.5.5.7.2.2")];
const cps = sequence(CPS, tlv(TAG.ia5, "http://a.example/"));
const notice = sequence(tlv(TAG.utf8, "A"), sequence(integer(1), integer(2)));

/** The extensions by name. The differential test makes its inputs from the well-formed values of these extensions. */
export const EXTENSIONS: Readonly<Record<string, Values>> = {
  subjectAltName: {
    id: "2.5.29.17",
    good: [
      sequence(tlv(0x82, "a.example"), directory, tlv(0x88, [0x2a, 3])),
      sequence(tlv(0xa0, [oid("1.2.3"), tlv(0xa0, [tlv(TAG.utf8, "a")])])),
    ],
    bad: {
      "a name over the end": [0x30, 12, 0x82, 11, ...text.slice(0, -1)],
      "a name over the end of the SEQUENCE": [0x30, 2, 0x82, 11, ...text],
      "a primitive name in a directory name": sequence(tlv(0xa4, Uint8Array.of(0x10, 0))),
      "a directory name that is none": sequence(tlv(0xa4, [sequence(tlv(5))])),
      "two directory names in one": sequence(tlv(0xa4, [sequence(), sequence()])),
      "a directory name of nothing": sequence(tlv(0xa4)),
      "a padded OID": sequence(tlv(0x88, [0x80, 0x2a, 3])),
      "another name without a value": sequence(tlv(0xa0, [oid("1.2.3")])),
      "another name with two": sequence(tlv(0xa0, [oid("1.2.3"), tlv(0xa0, [tlv(5)]), tlv(0xa0, [tlv(5)])])),
      "another name whose BOOLEAN is 1": sequence(tlv(0xa0, [oid("1.2.3"), tlv(0xa0, [tlv(TAG.boolean, [1])])])),
      "a party without a name": sequence(tlv(0xa5, [tlv(0xa0, [tlv(TAG.utf8, "a")])])),
      "a C1 control": sequence(tlv(0xa4, [encodeName([["2.5.4.3", TAG.utf8, "a\u0085b"]])])),
    },
  },
  basicConstraints: {
    id: "2.5.29.19",
    good: [sequence(), sequence(tlv(TAG.boolean, [0])), sequence(tlv(TAG.boolean, [0xff]), integer(0))],
    bad: {
      "a BOOLEAN of two octets": sequence(tlv(TAG.boolean, [0x20, 0xff])),
      "a BOOLEAN of 1": sequence(tlv(TAG.boolean, [1])),
      "a negative length": sequence(tlv(TAG.boolean, [0xff]), integer(0xff)),
      "a padded length": sequence(tlv(TAG.boolean, [0xff]), integer(0, 1)),
      "the length first": sequence(integer(1), tlv(TAG.boolean, [0xff])),
      "two lengths": sequence(integer(1), integer(1)),
      "something else": sequence(tlv(TAG.octetString, [1])),
    },
  },
  keyUsage: {
    id: "2.5.29.15",
    good: [tlv(TAG.bitString, [7, 0x80]), tlv(TAG.bitString, [7, 6, 0x80]), tlv(TAG.bitString, [0])],
    bad: {
      "an unused bit that is set": tlv(TAG.bitString, [7, 0x81]),
      "zeros at its end": tlv(TAG.bitString, [0, 0x80]),
      "zeros alone": tlv(TAG.bitString, [7, 0]),
      "nine unused bits": tlv(TAG.bitString, [9, 0]),
      nothing: tlv(TAG.bitString),
    },
  },
  extendedKeyUsage: {
    id: "2.5.29.37",
    good: [sequence(oid("1.3.6.1.5.5.7.3.2"))],
    bad: {
      nothing: sequence(),
      "a padded OID": sequence(tlv(TAG.oid, [0x80, 0x2b, 6, 1, 5, 5, 7, 3, 2])),
      "an OID that is cut short": sequence(tlv(TAG.oid, [0x2b, 0x86])),
    },
  },
  nameConstraints: {
    id: "2.5.29.30",
    good: [sequence(tlv(0xa0, [sequence(tlv(0x82, "a"))]), tlv(0xa1, [sequence(directory)]))],
    bad: {
      "a base over the end": [0x30, 2, 0xa0, 2, 0x30, 13, 0x82, 11, ...text],
      "the excluded first": sequence(tlv(0xa1, [sequence(tlv(0x82, "a"))]), tlv(0xa0, [sequence(tlv(0x82, "b"))])),
      "twice the permitted": sequence(...Array<Tlv>(2).fill(tlv(0xa0, [sequence(tlv(0x82, "a"))]))),
      "a base that is a SET": sequence(tlv(0xa0, [set(tlv(0x82, "a"))])),
      "a minimum": sequence(tlv(0xa0, [sequence(tlv(0x82, "a"), tlv(0x80, [1]))])),
    },
  },
  authorityKeyIdentifier: {
    id: "2.5.29.35",
    good: [sequence(), sequence(tlv(0x80, [1]), tlv(0xa1, [directory]), tlv(0x82, [1]))],
    bad: {
      "an issuer without a serial number": sequence(tlv(0xa1, [directory])),
      "a serial number without an issuer": sequence(tlv(0x82, [1])),
      "a padded serial number": sequence(tlv(0xa1, [directory]), tlv(0x82, [0, 1])),
      "an issuer of no names": sequence(tlv(0xa1), tlv(0x82, [1])),
      "a constructed key identifier": sequence(tlv(0xa0, [tlv(TAG.octetString, [1])])),
      "two key identifiers": sequence(tlv(0x80, [1]), tlv(0x80, [2])),
    },
  },
  subjectKeyIdentifier: {
    id: "2.5.29.14",
    good: [tlv(TAG.octetString, [1])],
    bad: { "in pieces": tlv(0x24, [tlv(TAG.octetString, [1])]) },
  },
  cRLDistributionPoints: {
    id: "2.5.29.31",
    good: [sequence(sequence(fullName), sequence(relativeName, tlv(0x81, [6, 0x40]), tlv(0xa2, [directory])))],
    bad: {
      nothing: sequence(),
      "a point of nothing": sequence(sequence()),
      "reasons alone": sequence(sequence(tlv(0x81, [6, 0x40]))),
      "two names where there is a choice": sequence(sequence(tlv(0xa0, [tlv(0xa0, [uri]), tlv(0xa0, [uri])]))),
      "no name where there is a choice": sequence(sequence(tlv(0xa0))),
      "a full name of none": sequence(sequence(tlv(0xa0, [tlv(0xa0)]))),
      "reasons with bits in excess": sequence(sequence(fullName, tlv(0x81, [6, 0x41]))),
      "a URI beyond ASCII": sequence(sequence(tlv(0xa0, [tlv(0xa0, [tlv(0x86, "http://é/")])]))),
    },
  },
  freshestCRL: {
    id: "2.5.29.46",
    good: [sequence(sequence(fullName))],
    bad: { "a point of nothing": sequence(sequence()) },
  },
  certificatePolicies: {
    id: "2.5.29.32",
    good: [
      sequence(policy(), sequence(oid("1.2.4"), sequence(cps, sequence(NOTICE, sequence(notice, tlv(TAG.utf8, "a")))))),
      sequence(policy(sequence(NOTICE, sequence())), sequence(oid("2.5.29.32.0"))),
      sequence(policy(sequence(oid("1.2.5"), tlv(5)))),
    ],
    bad: {
      nothing: sequence(),
      "no OID": sequence(sequence()),
      "a policy twice": sequence(policy(), policy()),
      "qualifiers of none": sequence(sequence(oid("1.2.3"), sequence())),
      "a qualifier without a value": sequence(policy(sequence(CPS))),
      "a CPS that is no IA5String": sequence(policy(sequence(CPS, tlv(TAG.utf8, "http://a.example/")))),
      "a notice that is no SEQUENCE": sequence(policy(sequence(NOTICE, tlv(TAG.utf8, "a")))),
      "a notice of two texts": sequence(policy(sequence(NOTICE, sequence(tlv(TAG.utf8, "a"), tlv(TAG.utf8, "b"))))),
      "a notice that refers to no number": sequence(policy(sequence(NOTICE, sequence(sequence(tlv(TAG.utf8, "a")))))),
      "an octet too many": [...encode(sequence(policy())), 0],
    },
  },
  policyMappings: {
    id: "2.5.29.33",
    good: [sequence(sequence(oid("1.2.3"), oid("1.2.4")))],
    bad: { nothing: sequence(), "one policy": sequence(sequence(oid("1.2.3"))) },
  },
  issuerAltName: {
    id: "2.5.29.18",
    good: [sequence(uri)],
    bad: { nothing: sequence(), "a name over the end": [0x30, 2, 0x82, 11, ...text] },
  },
  subjectDirectoryAttributes: {
    id: "2.5.29.9",
    good: [sequence(sequence(oid("1.2.3"), set(tlv(TAG.utf8, "a"))))],
    bad: {
      "no values": sequence(sequence(oid("1.2.3"), set())),
      "a SEQUENCE of values": sequence(sequence(oid("1.2.3"), sequence(tlv(5)))),
    },
  },
  privateKeyUsagePeriod: {
    id: "2.5.29.16",
    good: [
      sequence(tlv(0x80, "20270101000000Z"), tlv(0x81, "20280101000000Z")),
      sequence(tlv(0x80, "20270101000000Z")),
      sequence(tlv(0x81, "20280101000000Z")),
    ],
    bad: { "in the other order": sequence(tlv(0x81, "20280101000000Z"), tlv(0x80, "20270101000000Z")) },
  },
  authorityInfoAccess: {
    id: "1.3.6.1.5.5.7.1.1",
    good: [sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), uri), sequence(oid("1.3.6.1.5.5.7.48.2"), directory))],
    bad: {
      nothing: sequence(),
      "no place": sequence(sequence(oid("1.3.6.1.5.5.7.48.1"))),
      "two places": sequence(sequence(oid("1.3.6.1.5.5.7.48.1"), uri, uri)),
      "a place over the end": [0x30, 6, 0x30, 4, 6, 0, 0x86, 4],
    },
  },
  subjectInfoAccess: {
    id: "1.3.6.1.5.5.7.1.11",
    good: [sequence(sequence(oid("1.3.6.1.5.5.7.48.3"), uri))],
    bad: { "no place": sequence(sequence(oid("1.3.6.1.5.5.7.48.3"))) },
  },
};

export const octetsOf = (value: Value): Uint8Array => ("tag" in value ? encode(value) : Uint8Array.from(value));
const withValue = ({ certificates }: Fixtures, id: string, value: Uint8Array, isCritical = false) =>
  edit(certificates.direct, (parts) => setExtension(parts, id, value, isCritical));

export const cases: Cases = {
  "parseCertificate() reads every well-formed extension of RFC 5280": (fixtures) => {
    for (const { id, good } of Object.values(EXTENSIONS)) {
      for (const value of good) parseCertificate(withValue(fixtures, id, octetsOf(value)));
    }
  },
  "parseCertificate() refuses every malformed extension of RFC 5280": (fixtures) => {
    for (const [name, { id, good, bad }] of Object.entries(EXTENSIONS)) {
      const whole = octetsOf(good[0] as Value);
      const spoiled = {
        "no value": [],
        "an octet less": [...whole.subarray(0, -1)],
        "an octet more": [...whole, 0],
        "a NULL": [5, 0],
        "a length in BER": [whole[0] as number, 0x81, ...whole.subarray(1)],
        "an indefinite length": [whole[0] as number, 0x80, ...whole.subarray(2), 0, 0],
        ...bad,
      };
      for (const [what, value] of Object.entries(spoiled)) {
        malformed(`${name}: ${what}`, withValue(fixtures, id, octetsOf(value)));
        malformed(`critical ${name}: ${what}`, withValue(fixtures, id, octetsOf(value), true));
      }
    }
  },
  "parseCertificate() lists the distribution points whose lists cover all reasons and are of the issuer itself": (
    fixtures,
  ) => {
    const URI = "http://a.example/a b";
    const reasons = tlv(0x81, [6, 0x40]);
    const another = tlv(0xa2, [directory]);
    const mixed = tlv(0xa0, [tlv(0xa0, [directory, uri, tlv(0x82, "a.example")])]);
    for (const [points, expected] of [
      [[sequence(fullName)], [URI]],
      [
        [sequence(mixed), sequence(fullName)],
        [URI, URI],
      ],
      [[sequence(fullName, reasons)], []],
      [[sequence(fullName, another)], []],
      [[sequence(fullName, reasons, another)], []],
      [[sequence(another)], []],
      [[sequence(relativeName)], []],
    ] as const) {
      const value = encode(sequence(...points));
      assert.deepEqual(parseCertificate(withValue(fixtures, "2.5.29.31", value)).distributionPoints, expected);
    }
  },
  "parseCertificate() ignores unknown extensions, with any content": (fixtures) => {
    for (const value of [[], [0xff, 0xff], [0x30, 2, 0x82, 11], text]) {
      parseCertificate(withValue(fixtures, "1.3.6.1.4.1.99999.1", Uint8Array.from(value)));
    }
  },
  "parseCertificate() lists policyConstraints and inhibitAnyPolicy, critical or not": (fixtures) => {
    for (const [id, value] of [
      ["2.5.29.36", sequence(tlv(0x80, [0]))],
      ["2.5.29.54", integer(0)],
    ] as const) {
      for (const isCritical of [false, true]) {
        const { unknownCritical } = parseCertificate(withValue(fixtures, id, encode(value), isCritical));
        assert.deepEqual([...unknownCritical], [id]);
      }
    }
  },
  "parseCertificate() lists critical certificatePolicies with a qualifier that it does not know": (fixtures) => {
    const read = (isCritical: boolean, ...qualifiers: Tlv[]) => {
      const value = encode(sequence(sequence(oid("1.2.4")), policy(...qualifiers)));
      return [...parseCertificate(withValue(fixtures, "2.5.29.32", value, isCritical)).unknownCritical];
    };
    const unknown = sequence(oid("1.2.5"), tlv(TAG.utf8, "a"));
    assert.deepEqual(read(true, cps, unknown), ["2.5.29.32"]);
    assert.deepEqual(read(false, cps, unknown), []);
    assert.deepEqual(read(true, cps), []);
    assert.deepEqual(read(true, sequence(NOTICE, sequence(notice))), []);
    assert.deepEqual(read(true), []);
  },
  "parseCertificate() reads a serial number, an algorithm and extensions only as DER": (fixtures) => {
    const bad: Readonly<Record<string, (extension: Tlv[]) => void>> = {
      "a critical of 1": (members) => members.splice(1, 0, tlv(TAG.boolean, [1])),
      "a critical of two octets": (members) => members.splice(1, 0, tlv(TAG.boolean, [0xff, 0xff])),
      "two values": (members) => members.push(tlv(TAG.octetString, [5, 0])),
      "a value in pieces": (members) => members.splice(1, 1, tlv(0x24, [tlv(TAG.octetString, [5, 0])])),
      "an OID that is padded": (members) => members.splice(0, 1, tlv(TAG.oid, [0x2a, 0x80, 3])),
    };
    for (const [what, change] of Object.entries(bad)) {
      const members = [oid("1.2.3.4"), tlv(TAG.octetString, [5, 0])];
      change(members);
      malformed(
        what,
        edit(fixtures.certificates.direct, ({ extensions }) => extensions.push(sequence(...members))),
      );
    }
    malformed(
      "extensions of none",
      edit(fixtures.certificates.direct, ({ extensions }) => extensions.splice(0)),
    );
    malformed(
      "a signature with unused bits",
      edit(fixtures.certificates.direct, ({ certificate }) => certificate.splice(2, 1, tlv(TAG.bitString, [4, 0xf0]))),
    );
    for (const identifier of [0xa1, 0xa2]) {
      malformed(
        "a unique identifier in pieces",
        edit(fixtures.certificates.direct, ({ tbs }) =>
          tbs.splice(7, 0, tlv(identifier, [tlv(TAG.bitString, [0, 1])])),
        ),
      );
    }
  },
};
