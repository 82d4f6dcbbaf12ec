// Tests how one entry of `certificates` in the policy matches: whole values only, code point by code point, and only values of the
// same type.

import assert from "node:assert/strict";
import fc from "fast-check";
import { compileCertificateMatcher } from "../../../core/policy/matcher.ts";
import { PolicyFault } from "../../../core/policy/problem.ts";
import { wordsOf } from "../../../core/policy/words.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { texts } from "../../support/arbitraries.ts";
import { TAG, tlv } from "../../support/certificates/der-edit.ts";
import { encodeName, withSubject, withSubjectAltNames } from "../../support/certificates/edit.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  failuresOf,
  type MatcherDocument,
} from "../../support/scenes/certificates.ts";

const SUBJECT = "CN=client.example,O=Countersign Tests,C=US";
const CN = "2.5.4.3";

const fails = ({ certificates }: Fixtures, name: CertificateName, entry: MatcherDocument) =>
  failuresOf(certificates[name], entry).join();

function refusesEntry(message: RegExp, ...entries: readonly MatcherDocument[]): void {
  for (const entry of entries) {
    const isMeant = (fault: unknown) => fault instanceof PolicyFault && message.test(wordsOf(fault));
    assert.throws(() => compileCertificateMatcher(entry), isMeant, JSON.stringify(entry));
  }
}

export const cases: Cases = {
  "a subject in RFC 4514 text matches exactly that name": (fixtures) => {
    const entry = { subject: SUBJECT };
    for (const name of ["client", "direct", "named", "namedPrintable"] as const)
      assert.equal(fails(fixtures, name, entry), "");
    const others = [
      "namedReordered",
      "namedUpperCase",
      "namedHomograph",
      "namedWithMore",
      "namedLonger",
      "namedPrefixed",
      "twoCommonNames",
      "injected",
      "injectedPlus",
      "multiValued",
      "bmpCommonName",
      "sanOnly",
      "units",
    ] as const;
    for (const name of others) assert.equal(fails(fixtures, name, entry), "subject", name);
  },
  "a subject in RFC 4514 text reads the attributes of one RDN in any order": (fixtures) => {
    const rdn = ["CN=client.example", "O=Countersign Tests"];
    for (const order of [rdn, rdn.toReversed()]) {
      assert.equal(fails(fixtures, "multiValued", { subject: `${order.join("+")},C=US` }), "");
    }
  },
  "a subject in RFC 4514 text matches every name from which it was written": ({ certificates }) => {
    const names = fc.array(
      fc.array(fc.tuple(fc.constantFrom(CN, "2.5.4.10", "1.2.3.4"), texts), { minLength: 1, maxLength: 2 }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(names, names, (a, b) => {
        const encoded = ([...rdns]: typeof a) =>
          withSubject(
            certificates.direct,
            encodeName(...rdns.map((rdn) => rdn.map(([type, text]) => [type, TAG.utf8, text] as const))),
          );
        const [one, other] = [encoded(a), encoded(b)];
        const [text, otherText] = [one, other].map((base64) =>
          formatDistinguishedName(parseCertificate(base64).subject),
        );
        assert.deepEqual(failuresOf(one, { subject: text }), []);
        assert.equal(failuresOf(other, { subject: text }).length === 0, text === otherText);
      }),
      { numRuns: 150 },
    );
  },
  "a subject by attributes does not restrict other attributes": (fixtures) => {
    const entry = { subject: { CN: "client.example" } };
    for (const name of ["named", "namedReordered", "namedWithMore", "units", "multiValued"] as const) {
      assert.equal(fails(fixtures, name, entry), "", name);
    }
  },
  "an attribute matches only if all its code points are equal": ({ certificates }) => {
    const holding = (text: string) => withSubject(certificates.direct, encodeName([[CN, TAG.utf8, text]]));
    fc.assert(
      fc.property(
        texts.filter((text) => text !== ""),
        texts,
        (wanted, found) => {
          assert.deepEqual(failuresOf(holding(wanted), { subject: { CN: wanted } }), []);
          assert.equal(failuresOf(holding(found), { subject: { CN: wanted } }).length === 0, found === wanted);
        },
      ),
      { numRuns: 200 },
    );
    for (const found of ["café", "CAFÉ", "cafe\u0301", "cafe", " café", "café ", "café\u200b"]) {
      assert.equal(failuresOf(holding(found), { subject: { CN: "café" } }).length === 0, found === "café", found);
    }
  },
  "an attribute matches neither a part of a value, nor the text of another attribute": (fixtures) => {
    const entry = { subject: { CN: "client.example" } };
    const others = [
      "namedLonger",
      "namedPrefixed",
      "namedUpperCase",
      "namedHomograph",
      "injected",
      "injectedPlus",
      "bmpCommonName",
      "wildcard",
      "sanOnly",
    ] as const;
    for (const name of others) assert.equal(fails(fixtures, name, entry), "subject.CN", name);
  },
  "a kind of SAN without values requires nothing": () => {
    const { keys } = compileCertificateMatcher({ san: { dns: undefined, ip: ["192.0.2.7"] } });
    assert.deepEqual(keys, ['san.ip="192.0.2.7"']);
  },
  "an attribute with two values requires both values, in order": (fixtures) => {
    assert.equal(fails(fixtures, "units", { subject: { OU: ["One", "Two"] } }), "");
    assert.equal(fails(fixtures, "unitsReordered", { subject: { OU: ["One", "Two"] } }), "subject.OU");
    assert.equal(fails(fixtures, "units", { subject: { OU: ["One"] } }), "subject.OU");
    assert.equal(fails(fixtures, "units", { subject: { OU: "Two" } }), "subject.OU");
    assert.equal(fails(fixtures, "units", { subject: { OU: ["One", "Three"] } }), "subject.OU");
    assert.equal(fails(fixtures, "units", { subject: { OU: ["Three", "Two"] } }), "subject.OU");
    assert.equal(fails(fixtures, "units", { subject: { OU: ["One", "Two", "Two"] } }), "subject.OU");
  },
  "a certificate with two common names matches neither of them": (fixtures) => {
    for (const CN of ["client.example", "evil.example"]) {
      assert.equal(fails(fixtures, "twoCommonNames", { subject: { CN } }), "subject.CN");
    }
  },
  "a `*` has no special meaning, neither in an entry nor in a certificate": (fixtures) => {
    const entry = { subject: { CN: "*.example" }, san: { dns: ["*.example"] } };
    assert.equal(fails(fixtures, "wildcard", entry), "");
    assert.equal(fails(fixtures, "client", entry), "subject.CN,san.dns");
    assert.equal(fails(fixtures, "wildcard", { san: { dns: ["client.example"] } }), "san.dns");
    for (const CN of ["*", ".*", "client.*", "client.exampl?"])
      assert.equal(fails(fixtures, "client", { subject: { CN } }), "subject.CN");
  },
  "an alternative name matches only within its own type": (fixtures) => {
    assert.equal(fails(fixtures, "client", { san: { dns: ["client.example"] } }), "");
    assert.equal(fails(fixtures, "emailLooksLikeDns", { san: { dns: ["client.example"] } }), "san.dns");
    assert.equal(fails(fixtures, "emailLooksLikeDns", { san: { email: ["client.example"] } }), "");
    assert.equal(fails(fixtures, "direct", { san: { dns: ["client.example"] } }), "san.dns");
  },
  "an alternative name matches only completely and exactly": (fixtures) => {
    for (const dns of ["Client.example", "lient.example", "client.exampl", "client.example.", "example"]) {
      assert.equal(fails(fixtures, "client", { san: { dns: [dns] } }), "san.dns", dns);
    }
    assert.equal(fails(fixtures, "client", { san: { uri: ["spiffe://client.example/webhook"] } }), "");
    for (const uri of [
      "spiffe://client.example",
      "spiffe://client.example/webhook/",
      "SPIFFE://client.example/webhook",
    ]) {
      assert.equal(fails(fixtures, "client", { san: { uri: [uri] } }), "san.uri", uri);
    }
    assert.equal(fails(fixtures, "client", { san: { email: ["ops@client.example"] } }), "");
    assert.equal(fails(fixtures, "client", { san: { email: ["OPS@client.example"] } }), "san.email");
  },
  "every alternative name in the entry must be in the certificate": (fixtures) => {
    const san = { dns: ["client.example"], email: ["ops@client.example"], ip: ["192.0.2.7", "2001:db8::7"] };
    assert.equal(fails(fixtures, "client", { san }), "");
    assert.equal(fails(fixtures, "client", { san: { ...san, dns: ["client.example", "other.example"] } }), "san.dns");
    assert.equal(fails(fixtures, "client", { san: { ...san, ip: ["192.0.2.7", "192.0.2.8"] } }), "san.ip");
  },
  "an IP address matches by value": (fixtures) => {
    for (const ip of ["2001:db8::7", "2001:DB8:0:0::7", "192.0.2.7"])
      assert.equal(fails(fixtures, "client", { san: { ip: [ip] } }), "", ip);
    for (const ip of ["2001:db8::8", "192.0.2.70", "::ffff:192.0.2.7"]) {
      assert.equal(fails(fixtures, "client", { san: { ip: [ip] } }), "san.ip", ip);
    }
  },
  "an IP address matches by its octets, and an address of the wrong size matches nothing": ({ certificates }) => {
    const right = withSubjectAltNames(certificates.direct, tlv(0x87, [192, 0, 2, 77]));
    assert.deepEqual(failuresOf(right, { san: { ip: ["192.0.2.77"] } }), []);
    assert.deepEqual(failuresOf(right, { san: { ip: ["192.0.2.7"] } }), ["san.ip"]);
    const base64 = withSubjectAltNames(certificates.direct, tlv(0x87, [192, 0, 2]), tlv(0x82, "192.0.2.7"));
    assert.deepEqual(failuresOf(base64, { san: { ip: ["192.0.2.7"] } }), ["san.ip"]);
  },
  "digests match in any form of hex": ({ certificates }) => {
    const { sha256, spkiSha256 } = parseCertificate(certificates.client);
    const colons = (hex: string) => (hex.match(/../g) ?? []).join(":").toUpperCase();
    assert.deepEqual(failuresOf(certificates.client, { sha256: colons(sha256), spkiSha256 }), []);
    assert.deepEqual(failuresOf(certificates.direct, { sha256, spkiSha256: colons(spkiSha256) }), [
      "sha256",
      "spkiSha256",
    ]);
    assert.deepEqual(failuresOf(certificates.client, { sha256: spkiSha256 }), ["sha256"]);
  },
  "an issuer matches like a subject": (fixtures) => {
    const issuer = "CN=Intermediate,O=Countersign Tests,C=US";
    assert.equal(fails(fixtures, "client", { subject: SUBJECT, issuer }), "");
    assert.equal(fails(fixtures, "direct", { subject: SUBJECT, issuer }), "issuer");
    assert.equal(fails(fixtures, "direct", { subject: SUBJECT, issuer: { CN: "Intermediate", C: "US" } }), "issuer.CN");
  },
  "a window begins at `from` and ends before `until`": ({ certificates }) => {
    const entry = { subject: SUBJECT, from: "2027-03-01", until: "2027-03-02T12:00:00Z" };
    const failsAt = (text: string) => failuresOf(certificates.direct, entry, Date.parse(text) / 1000).join();
    assert.equal(failsAt("2027-02-28T23:59:59Z"), "from");
    assert.equal(failsAt("2027-03-01T00:00:00Z"), "");
    assert.equal(failsAt("2027-03-02T11:59:59Z"), "");
    assert.equal(failsAt("2027-03-02T12:00:00Z"), "until");
  },
  "compileCertificateMatcher() refuses a text that is not a date": () => {
    const bad = ["2027-02-30", "2027-13-01", "2027-01-01T24:00:00Z", "2027-01-01T00:60:00Z", "2027-1-1", "soon", ""];
    for (const text of bad)
      refusesEntry(
        /^(from|until) "[^"]*" is no date$/,
        { subject: SUBJECT, from: text },
        { subject: SUBJECT, until: text },
      );
  },
  "compileCertificateMatcher() refuses a window that never opens": () => {
    refusesEntry(
      /^from is not before until$/,
      { subject: SUBJECT, from: "2027-01-02", until: "2027-01-02" },
      { subject: SUBJECT, from: "2027-01-02", until: "2026-01-02" },
    );
  },
  "compileCertificateMatcher() refuses names, attributes and addresses that it cannot read": () => {
    refusesEntry(/^no RFC 4514 text in subject: /, { subject: "/C=US/CN=a" }, { subject: "CN=a, O=b" });
    refusesEntry(/^no RFC 4514 text in issuer: /, { subject: SUBJECT, issuer: "Root" });
    refusesEntry(
      /^subject\.(commonName)? is no attribute type/,
      { subject: { commonName: "a" } },
      { subject: { "": "a" } },
    );
    refusesEntry(/no IP address/, { san: { ip: ["client.example"] } }, { san: { ip: ["192.0.2.0/24"] } });
  },
};
