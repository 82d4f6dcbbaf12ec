// Compares the facts of a certificate with those that node:crypto reads. Also tests which key signed a certificate.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { attributeTypeName } from "../../../core/x509/attribute-types.ts";
import { type Certificate, formatPem, isSameAuthority, parseCertificate } from "../../../core/x509/certificate.ts";
import { digestsOf } from "../../../core/x509/certificate-digests.ts";
import { type DistinguishedName, formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { formatIpAddress } from "../../../core/x509/general-name.ts";
import { encode, fromBase64, sequence, TAG, tlv } from "../../support/certificates/der-edit.ts";
import { edit, encodeName, FIELD, withOtherSignature, withSubject } from "../../support/certificates/edit.ts";
import type { OracleFacts } from "../../support/fixtures/fixtures.ts";
import { type Cases, malformed, pemOf } from "../../support/scenes/certificates.ts";

const COMPARED = new Set(["CN", "O", "OU", "C", "L", "ST"]);

/**
 * Returns the texts of a distinguished name, with the short name of each attribute type (such as `CN`) as the key. The form is that
 * of node:crypto: a text for one value, a list for several values.
 */
function legacyName(name: DistinguishedName): Record<string, string | string[]> {
  const found: Record<string, string | string[]> = {};
  for (const attribute of name.flat()) {
    const short = attributeTypeName(attribute.type) ?? "";
    if (!COMPARED.has(short) || !("text" in attribute)) continue;
    const before = found[short];
    found[short] = before === undefined ? attribute.text : [before, attribute.text].flat();
  }
  return found;
}

/** Returns only those attributes of node:crypto that our reader also returns as text. */
function oracleName(name: OracleFacts["subject"], ours: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(name).filter(([type]) => Object.hasOwn(ours, type)));
}

function agrees(certificate: Certificate, facts: OracleFacts): void {
  assert.equal(certificate.sha256, facts.sha256);
  assert.equal(certificate.serial, facts.serial.replace(/^0+(?=.)/, ""));
  assert.equal(certificate.notBefore, facts.notBefore);
  assert.equal(certificate.notAfter, facts.notAfter);
  // node:crypto calls a certificate a CA only if it may also sign certificates.
  assert.equal(certificate.isCa && certificate.keyUsage?.keyCertSign !== false, facts.isCa);
  assert.deepEqual(certificate.extendedKeyUsage ?? [], facts.extendedKeyUsage);
  assert.equal(certificate.spkiSha256, createHash("sha256").update(fromBase64(facts.spki)).digest("hex"));
  assert.equal(certificate.isSignedBy(certificate), facts.isSelfSigned);
  for (const member of ["subject", "issuer"] as const) {
    const ours = legacyName(certificate[member]);
    if (Object.keys(facts[member]).length > 0) assert.deepEqual(ours, { ...oracleName(facts[member], ours) });
  }
}

export const cases: Cases = {
  "isSameAuthority() is true for the same name with the same key, whoever certified it": ({ certificates }) => {
    const { root, rootTwin, rootTwinSignature, intermediate, intermediateByStranger, stranger } = certificates;
    const same = (a: string, b: string) => isSameAuthority(parseCertificate(a), parseCertificate(b));
    assert.ok(same(root, root) && same(root, rootTwinSignature) && same(intermediate, intermediateByStranger));
    const renamed = withSubject(root, encodeName([["2.5.4.3", TAG.utf8, "Other"]]));
    assert.ok(!same(root, rootTwin) && !same(root, renamed) && !same(root, stranger));
  },
  "digestsOf() returns the digests with both signatures of a certificate that an ECDSA key signed": ({
    certificates,
  }) => {
    const { client, clientTwin, p384Client, p384ClientTwin, p521RootClient, p521RootClientTwin } = certificates;
    for (const [one, twin] of [
      [client, clientTwin],
      [p384Client, p384ClientTwin],
      [p521RootClient, p521RootClientTwin],
    ] as const) {
      const [a, b] = [parseCertificate(one), parseCertificate(twin)];
      assert.equal(digestsOf(a)[0], a.sha256);
      assert.ok(digestsOf(a).includes(b.sha256) && digestsOf(b).includes(a.sha256));
      assert.equal(digestsOf(a), digestsOf(a));
    }
    // The first digest is that of the certificate itself. Each other digest is that of the certificate with the other valid
    // signature, (r, n − s), where n is the order of the curve of the issuer's key. This curve is not known, so there is one digest
    // for each curve. A curve with n ≤ s cannot be the curve of the key, so there is no digest for it.
    assert.equal(digestsOf(parseCertificate(client)).length, 4);
    assert.equal(digestsOf(parseCertificate(p521RootClient)).length, 2);
  },
  "digestsOf() returns only one digest if a key of another kind signed, or if the signature is broken": ({
    certificates,
  }) => {
    const { rsaClient, ed25519Client, direct } = certificates;
    const broken = [[0], [0, 0x30, 0], [0, 0x30, 3, 2, 1, 1], [0, 0x30, 6, 2, 1, 1, 2, 1, 0xff]].map((octets) =>
      edit(direct, ({ certificate }) => certificate.splice(2, 1, tlv(TAG.bitString, octets))),
    );
    for (const one of [rsaClient, ed25519Client, ...broken].map(parseCertificate)) {
      assert.deepEqual(digestsOf(one), [one.sha256]);
    }
  },
  "digestsOf() writes s as an INTEGER, whatever its first bit is": ({ certificates: { direct } }) => {
    const signed = (s: readonly number[]) =>
      edit(direct, ({ certificate }) => {
        const pair = encode(sequence(tlv(TAG.integer, [1]), tlv(TAG.integer, s)));
        certificate.splice(2, 1, tlv(TAG.bitString, [0, ...pair]));
      });
    // In each round, s begins with one of these octets. With 0x01 or 0x7f, the first bit of n − s is set, so n − s needs one octet
    // more in DER than s. With 0xf5, n − s needs one octet less than s, and the hex text of n − s begins with a zero.
    for (const first of [0x01, 0x7f, 0xf5]) {
      const s = [...(first >= 0x80 ? [0] : []), first, ...Array<number>(31).fill(9)];
      const one = signed(s);
      const twin = parseCertificate(withOtherSignature(one));
      assert.ok(digestsOf(parseCertificate(one)).includes(twin.sha256), `${first}`);
    }
  },
  "isSignedBy() is false for a key that cannot have signed": ({ certificates }) => {
    const direct = parseCertificate(certificates.direct);
    const { rsaRoot, ed25519Root, p384Root, rootTwin, root } = certificates;
    for (const other of [rsaRoot, ed25519Root, p384Root, rootTwin]) {
      assert.equal(direct.isSignedBy(parseCertificate(other)), false);
    }
    // If `publicKey` is not a key, the runtime throws an error. Then the result must be false.
    assert.equal(direct.isSignedBy({ ...parseCertificate(root), publicKey: {} as Certificate["publicKey"] }), false);
    for (let count = 0; count < 2; count += 1) assert.equal(direct.isSignedBy(parseCertificate(root)), true);
  },
  "parseCertificate() ignores unique identifiers, which must be BIT STRINGs": ({ certificates }) => {
    const withIds = (...ids: readonly (readonly [tag: number, ...octets: number[]])[]) =>
      edit(certificates.direct, ({ tbs }) => {
        tbs.splice(FIELD.extensions, 0, ...ids.map(([tag, ...octets]) => tlv(tag, octets)));
      });
    for (const ids of [
      [[0x81, 0, 1]],
      [[0x82, 0, 1]],
      [
        [0x81, 0, 1],
        [0x82, 4, 0x10],
      ],
    ] as const) {
      assert.equal(parseCertificate(withIds(...ids)).serial, parseCertificate(certificates.direct).serial);
    }
    for (const ids of [
      [[0x81]],
      [[0x82, 8, 0]],
      [
        [0x82, 0, 1],
        [0x81, 0, 1],
      ],
      [[0x83, 0, 1]],
    ] as const) {
      malformed(JSON.stringify(ids), withIds(...ids));
    }
  },
  "parseCertificate() reads a serial number without its leading zeros": ({ certificates }) => {
    const serial = (...octets: number[]) =>
      parseCertificate(edit(certificates.direct, ({ tbs }) => tbs.splice(FIELD.serial, 1, tlv(TAG.integer, octets))))
        .serial;
    assert.deepEqual([serial(0), serial(10), serial(0, 0x80), serial(0x10, 0)], ["0", "a", "80", "1000"]);
  },
  "formatPem() writes lines of 64 characters between two marks": ({ certificates }) => {
    for (const base64 of [certificates.root, "A".repeat(64), "A".repeat(68)])
      assert.equal(formatPem(base64), pemOf(base64));
  },
  "parseCertificate() agrees with node:crypto on every certificate of the fixtures": ({ certificates, oracle }) => {
    // Some runtimes cannot read these keys. Other runtimes encode them again in the canonical form. Countersign refuses all these
    // keys.
    const isOdd = /^(secp256k1|exponentOne|explicit|compressed|hybrid|rsaWithoutNull|rsaOldName)/;
    for (const [name, base64] of Object.entries(certificates).filter(([name]) => !isOdd.test(name))) {
      try {
        agrees(parseCertificate(base64), oracle[base64] as OracleFacts);
      } catch (error) {
        throw new Error(name, { cause: error });
      }
    }
  },
  "parseCertificate() agrees with node:crypto on every public root": ({ publicRoots }) => {
    assert.ok(publicRoots.length > 100);
    for (const { base64, facts } of publicRoots) {
      const certificate = parseCertificate(base64);
      agrees(certificate, facts);
      assert.equal(certificate.isCa, true);
      assert.equal(certificate.foldedSubject, certificate.foldedIssuer);
    }
  },
  "parseCertificate() reads names, in canonical text": ({ certificates }) => {
    const { subject, issuer } = parseCertificate(certificates.client);
    assert.equal(formatDistinguishedName(subject), "CN=client.example,O=Countersign Tests,C=US");
    assert.equal(formatDistinguishedName(issuer), "CN=Intermediate,O=Countersign Tests,C=US");
    const injected = parseCertificate(certificates.injected);
    assert.equal(
      formatDistinguishedName(injected.subject),
      "CN=evil.example,O=Countersign Tests\\,CN=client.example,C=US",
    );
    assert.deepEqual(parseCertificate(certificates.sanOnly).subject, []);
  },
  "parseCertificate() reads subject alternative names by type": ({ certificates }) => {
    const names = parseCertificate(certificates.client).subjectAltNames.map((name) =>
      name.kind === "ip" ? { kind: "ip", value: formatIpAddress(name.octets) } : name,
    );
    assert.deepEqual(names, [
      { kind: "dns", value: "client.example" },
      { kind: "email", value: "ops@client.example" },
      { kind: "uri", value: "spiffe://client.example/webhook" },
      { kind: "ip", value: "192.0.2.7" },
      { kind: "ip", value: "2001:db8::7" },
    ]);
  },
  "parseCertificate() reads a serial without leading zeros, and zero as 0": ({ certificates }) => {
    const serialOf = (...octets: number[]) =>
      parseCertificate(
        edit(certificates.direct, ({ tbs }) => {
          tbs[FIELD.serial] = tlv(TAG.integer, octets);
        }),
      ).serial;
    assert.equal(serialOf(0), "0");
    assert.equal(serialOf(1), "1");
    assert.equal(serialOf(0x0a, 0xbc), "abc");
    assert.equal(serialOf(0, 0xff), "ff");
    assert.equal(serialOf(0, ...Array(20).fill(0xab)), "ab".repeat(20));
  },
  "parseCertificate() reads UTCTime of both centuries, and GeneralizedTime": ({ certificates }) => {
    const validityOf = (from: string, to: string) => {
      const time = (text: string) => tlv(text.length === 13 ? TAG.utcTime : TAG.generalizedTime, text);
      const { notBefore, notAfter } = parseCertificate(
        edit(certificates.direct, ({ tbs }) => {
          tbs[FIELD.validity] = { tag: TAG.sequence, content: [time(from), time(to)] };
        }),
      );
      return [notBefore, notAfter].map((seconds) => new Date(seconds * 1000).toISOString());
    };
    assert.deepEqual(validityOf("500101000000Z", "491231235959Z"), [
      "1950-01-01T00:00:00.000Z",
      "2049-12-31T23:59:59.000Z",
    ]);
    assert.deepEqual(validityOf("240229120000Z", "20500101000000Z"), [
      "2024-02-29T12:00:00.000Z",
      "2050-01-01T00:00:00.000Z",
    ]);
    assert.equal(validityOf("240229120000Z", "99991231235959Z")[1], "9999-12-31T23:59:59.000Z");
  },
  "parseCertificate() returns the same object for the same certificate": ({ certificates }) => {
    assert.equal(parseCertificate(certificates.direct), parseCertificate(certificates.direct));
  },
  "isSignedBy() is true only for the key that signed": ({ certificates }) => {
    const [root, twin, intermediate, client] = (["root", "rootTwin", "intermediate", "client"] as const).map((name) =>
      parseCertificate(certificates[name]),
    ) as [Certificate, Certificate, Certificate, Certificate];
    // Asks each question twice, because the second answer comes from a cache.
    for (const _ of [1, 2]) {
      assert.equal(intermediate.isSignedBy(root), true);
      assert.equal(intermediate.isSignedBy(twin), false);
      assert.equal(client.isSignedBy(intermediate), true);
      assert.equal(client.isSignedBy(root), false);
    }
  },
  "isSignedBy() is false, and never throws, for a key of another kind": ({ certificates }) => {
    const kinds = ["root", "rsaRoot", "p384Root", "ed25519Root", "secp256k1Client"] as const;
    for (const signer of kinds.slice(0, 4)) {
      for (const subject of ["direct", "rsaClient", "p384Client", "ed25519Client"] as const) {
        const isOwn = kinds.indexOf(signer) === ["direct", "rsaClient", "p384Client", "ed25519Client"].indexOf(subject);
        assert.equal(
          parseCertificate(certificates[subject]).isSignedBy(parseCertificate(certificates[signer])),
          isOwn,
          `${subject} by ${signer}`,
        );
      }
    }
  },
  "isSignedBy() is false if any part of the signed bytes has changed": ({ certificates }) => {
    const root = parseCertificate(certificates.root);
    const changed = edit(certificates.direct, ({ tbs }) => {
      tbs[FIELD.serial] = tlv(TAG.integer, [1]);
    });
    const resealed = edit(certificates.direct, ({ certificate }) => {
      const content = certificate[2]?.content as Uint8Array;
      content[content.length - 1] = (content[content.length - 1] ?? 0) ^ 1;
    });
    for (const base64 of [changed, resealed]) assert.equal(parseCertificate(base64).isSignedBy(root), false);
  },
};
