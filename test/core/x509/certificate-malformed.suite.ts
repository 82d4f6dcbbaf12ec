// Tests certificates that break a rule of X.509 or of RFC 5280. All are refused with the same code.

import assert from "node:assert/strict";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { concat, encode, oid, sequence, TAG, type Tlv, tlv } from "../../support/certificates/der-edit.ts";
import {
  type CertificateParts,
  dropExtension,
  type EncodedAttribute,
  edit,
  encodeName,
  FIELD,
  setExtension,
  withSubject,
} from "../../support/certificates/edit.ts";
import { type Cases, type Fixtures, malformed, refused } from "../../support/scenes/certificates.ts";

/** Checks that the certificate is malformed after each of the changes, and is not malformed without a change. */
function malformedWhen(
  { certificates }: Fixtures,
  changes: Readonly<Record<string, (parts: CertificateParts) => void>>,
) {
  parseCertificate(edit(certificates.direct, () => {}));
  for (const [what, change] of Object.entries(changes)) malformed(what, edit(certificates.direct, change));
}

function setField(field: keyof typeof FIELD, value: Tlv) {
  return ({ tbs }: CertificateParts) => {
    tbs[FIELD[field]] = value;
  };
}

const integer = (...octets: number[]) => tlv(TAG.integer, octets);
const utcTime = (text: string) => tlv(TAG.utcTime, text);
const validity = (notBefore: Tlv, notAfter: Tlv = utcTime("300101000000Z")) =>
  setField("validity", sequence(notBefore, notAfter));

export const cases: Cases = {
  "parseCertificate() accepts as many attributes and extensions as real certificates have, and not hundreds": (
    fixtures,
  ) => {
    const attribute = ["2.5.4.11", TAG.utf8, "a"] as const;
    const rdnsOf = (count: number) => Array.from({ length: count }, () => [attribute]);
    const named = (...rdns: readonly (readonly EncodedAttribute[])[]) =>
      edit(fixtures.certificates.direct, setField("subject", encodeName(...rdns)));
    const { subject } = parseCertificate(named(...rdnsOf(64)));
    assert.equal(subject.length, 64);
    const { details } = refused("certificate_malformed", () => parseCertificate(named(...rdnsOf(65))));
    assert.deepEqual(details, { cause: "a name has over 64 attributes" });
    malformed("in one RDN", named(...rdnsOf(60), rdnsOf(5).flat()));
    const extended = (count: number) =>
      edit(fixtures.certificates.direct, (parts) => {
        for (let index = parts.extensions.length; index < count; index += 1) {
          setExtension(parts, `1.2.3.${index}`, new Uint8Array());
        }
      });
    parseCertificate(extended(64));
    const more = refused("certificate_malformed", () => parseCertificate(extended(65)));
    assert.deepEqual(more.details, { cause: "there are over 64 extensions" });
  },
  "parseCertificate() refuses every version except v3": (fixtures) => {
    malformedWhen(fixtures, {
      v1: ({ tbs }) => tbs.splice(0, 1),
      "v1 without extensions": ({ tbs }) => tbs.splice(0, tbs.length, ...tbs.slice(1, -1)),
      v2: setField("version", tlv(0xa0, [integer(1)])),
      v4: setField("version", tlv(0xa0, [integer(3)])),
      "two versions": setField("version", tlv(0xa0, [integer(2), integer(2)])),
    });
  },
  "parseCertificate() refuses a serial that is negative, empty, padded or over 20 octets": (fixtures) => {
    malformedWhen(fixtures, {
      negative: setField("serial", integer(0x80)),
      "-1": setField("serial", integer(0xff)),
      empty: setField("serial", integer()),
      padded: setField("serial", integer(0, 1)),
      "21 octets": setField("serial", integer(...Array(21).fill(1))),
      "22 octets, the first zero": setField("serial", integer(0, ...Array(21).fill(0xff))),
      "no INTEGER": setField("serial", tlv(TAG.octetString, [1])),
    });
  },
  "parseCertificate() refuses two different signature algorithms": (fixtures) => {
    const sha384 = sequence(oid("1.2.840.10045.4.3.3"));
    malformedWhen(fixtures, {
      inner: setField("algorithm", sha384),
      outer: ({ certificate }) => {
        certificate[1] = sha384;
      },
    });
  },
  "parseCertificate() refuses a repeated extension, known or not": (fixtures) => {
    malformedWhen(fixtures, {
      known: ({ extensions }) => extensions.push(extensions[0] as Tlv),
      unknown: ({ extensions }) => {
        const extension = sequence(oid("1.2.3.4"), tlv(TAG.octetString, [5, 0]));
        extensions.push(extension, extension);
      },
    });
  },
  "parseCertificate() refuses extensions whose value has the wrong form": (fixtures) => {
    const garbage = [Uint8Array.of(), Uint8Array.of(5, 0), Uint8Array.of(0x30, 3, 1, 1), Uint8Array.of(0xff, 0xff)];
    for (const id of ["2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.35", "2.5.29.37"]) {
      for (const [index, value] of garbage.entries()) {
        malformedWhen(fixtures, { [`${id} ${index}`]: (parts) => setExtension(parts, id, value) });
      }
    }
  },
  "parseCertificate() refuses extensions whose value has the wrong type, even if its members fit": (fixtures) => {
    const clientAuth = [0x2b, 6, 1, 5, 5, 7, 3, 2];
    const values: Readonly<Record<string, Tlv>> = {
      "2.5.29.14": tlv(TAG.octetString, [1]),
      "2.5.29.15": tlv(TAG.bitString, [7, 0x80]),
      "2.5.29.17": sequence(tlv(0x82, "a.example")),
      "2.5.29.19": sequence(tlv(TAG.boolean, [0xff])),
      "2.5.29.30": sequence(tlv(0xa0, [sequence(tlv(0x82, "a.example"))])),
      "2.5.29.31": sequence(sequence(tlv(0xa0, [tlv(0xa0, [tlv(0x86, "http://a.example/")])]))),
      "2.5.29.35": sequence(tlv(0x80, [1])),
      "2.5.29.37": sequence(tlv(TAG.oid, clientAuth)),
    };
    for (const [id, value] of Object.entries(values)) {
      parseCertificate(edit(fixtures.certificates.direct, (parts) => setExtension(parts, id, value)));
      for (const tag of [TAG.set, 0xa0, 0xa3, 0x80, 0x61]) {
        malformedWhen(fixtures, { [`${id} ${tag}`]: (parts) => setExtension(parts, id, { ...value, tag }) });
      }
    }
    for (const tag of [TAG.octetString, TAG.utf8, 0x82]) {
      const usages = sequence(tlv(TAG.oid, clientAuth), tlv(tag, clientAuth));
      malformedWhen(fixtures, { [`a usage ${tag}`]: (parts) => setExtension(parts, "2.5.29.37", usages) });
    }
  },
  "parseCertificate() refuses trailing bytes in an extension": (fixtures) => {
    const trailing = (value: Tlv) => concat(encode(value), Uint8Array.of(0));
    malformedWhen(fixtures, {
      subjectAltName: (parts) => setExtension(parts, "2.5.29.17", trailing(sequence(tlv(0x82, "a.example")))),
      basicConstraints: (parts) => setExtension(parts, "2.5.29.19", trailing(sequence())),
      keyUsage: (parts) => setExtension(parts, "2.5.29.15", trailing(tlv(TAG.bitString, [7, 0x80]))),
    });
  },
  "parseCertificate() refuses members that no certificate may have": (fixtures) => {
    malformedWhen(fixtures, {
      "after extensions": ({ tbs }) => tbs.push(tlv(5, [])),
      "after signature": ({ certificate }) => certificate.push(tlv(5, [])),
      "in validity": setField("validity", sequence(utcTime("260101000000Z"), utcTime("300101000000Z"), tlv(5, []))),
      "no signature": ({ certificate }) => certificate.splice(2, 1),
      "no subject": ({ tbs }) => tbs.splice(FIELD.subject, 1),
      "no key": ({ tbs }) => tbs.splice(FIELD.key, 1),
    });
  },
  "parseCertificate() refuses times in any form except UTC with seconds": (fixtures) => {
    const generalized = (text: string) => tlv(TAG.generalizedTime, text);
    malformedWhen(fixtures, {
      "no seconds": validity(utcTime("2601010000Z")),
      "an offset": validity(utcTime("260101000000+0100")),
      "no zone": validity(utcTime("260101000000")),
      "month 13": validity(utcTime("261301000000Z")),
      "30 February": validity(utcTime("260230000000Z")),
      "hour 25": validity(utcTime("260101250000Z")),
      "second 60": validity(utcTime("260101000060Z")),
      text: validity(utcTime("now")),
      empty: validity(utcTime("")),
      "a fraction": validity(generalized("20260101000000.5Z")),
      "general without a zone": validity(generalized("20260101000000")),
      "general with an offset": validity(generalized("20260101000000-0100")),
      "no time": validity(integer(1)),
    });
  },
  "parseCertificate() refuses a name with NUL, a control character or bytes of another alphabet": ({
    certificates,
  }) => {
    const bad: (readonly [number, string | number[]])[] = [
      [TAG.utf8, "client.example\u0000.evil"],
      [TAG.printable, "client.example\u0000"],
      [TAG.ia5, "a\u0008"],
      [TAG.utf8, [0xc3]],
      [TAG.printable, [0xe9]],
    ];
    for (const [tag, value] of bad) {
      const octets = typeof value === "string" ? new TextEncoder().encode(value) : Uint8Array.from(value);
      const name = encodeName([["2.5.4.3", tag, octets]]);
      malformed(`subject ${value}`, withSubject(certificates.direct, name));
      malformed(`issuer ${value}`, edit(certificates.direct, setField("issuer", name)));
    }
  },
  "parseCertificate() says what is wrong": ({ certificates }) => {
    const told = (cause: string, change: (parts: CertificateParts) => void) => {
      const { details } = refused("certificate_malformed", () => parseCertificate(edit(certificates.direct, change)));
      assert.deepEqual(details, { cause });
    };
    const extension = (id: string, value: Tlv) => (parts: CertificateParts) => setExtension(parts, id, value);
    const subject = (tag: number, value: string | Uint8Array) =>
      setField("subject", encodeName([["2.5.4.3", tag, value]]));
    told("not an X.509 v3 certificate", setField("version", tlv(0xa0, [integer(1)])));
    told("the serial number is over 20 octets", setField("serial", integer(...Array(21).fill(1))));
    told("the two signature algorithms differ", setField("algorithm", sequence(oid("1.2.840.10045.4.3.3"))));
    told("extension 1.2.3.4 is repeated", ({ extensions }) => {
      const unknown = sequence(oid("1.2.3.4"), tlv(TAG.octetString, [5, 0]));
      extensions.push(unknown, unknown);
    });
    told("extension 2.5.29.15: a BIT STRING is malformed", extension("2.5.29.15", tlv(TAG.bitString)));
    told("extension 2.5.29.31: a distribution point names no list", extension("2.5.29.31", sequence(sequence())));
    const policy = sequence(oid("1.2.3"));
    told("extension 2.5.29.32: policy 1.2.3 is repeated", extension("2.5.29.32", sequence(policy, policy)));
    const notice = sequence(oid("1.3.6.1.5.5.7.2.2"), sequence(tlv(TAG.numeric, "1")));
    const noticed = sequence(sequence(oid("1.2.3"), sequence(notice)));
    told("extension 2.5.29.32: a notice is no text", extension("2.5.29.32", noticed));
    const outside = "extension 2.5.29.17: a name holds a character outside visible ASCII";
    told(outside, extension("2.5.29.17", sequence(tlv(0x82, "a b"))));
    told("a text is not UTF-8", subject(TAG.utf8, Uint8Array.of(0xff)));
    told("an ASCII string type holds other characters", subject(TAG.printable, "é"));
    told("a NumericString holds other characters", subject(TAG.numeric, "a"));
    told("a name holds a control character", subject(TAG.utf8, "a\u0085"));
    told("a name holds a value of another type", subject(TAG.octetString, "a"));
    const { details } = refused("certificate_malformed", () => parseCertificate(`${certificates.direct}=`));
    assert.deepEqual(details, { cause: "the base64 is not canonical" });
  },
  "parseCertificate() reads a certificate without any optional extension": ({ certificates }) => {
    const bare = edit(certificates.direct, (parts) => {
      setExtension(parts, "1.2.3.4", tlv(TAG.null));
      for (const id of ["2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.35", "2.5.29.37"]) dropExtension(parts, id);
    });
    const { isCa, pathLength, keyUsage, extendedKeyUsage, authorityKeyId, subjectKeyId } = parseCertificate(bare);
    assert.deepEqual(
      { isCa, pathLength, keyUsage, extendedKeyUsage, authorityKeyId, subjectKeyId },
      {
        isCa: false,
        pathLength: undefined,
        keyUsage: undefined,
        extendedKeyUsage: undefined,
        authorityKeyId: undefined,
        subjectKeyId: undefined,
      },
    );
    const { subjectAltNames, nameConstraints, distributionPoints, unknownCritical } = parseCertificate(bare);
    assert.deepEqual([subjectAltNames, nameConstraints, distributionPoints, unknownCritical], [[], undefined, [], []]);
  },
};
