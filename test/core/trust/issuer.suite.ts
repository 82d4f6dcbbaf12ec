// Tests single checks of a path, the limits of the search, and what is reported to an operator. Most certificates are real ones in
// which a fact was changed, so their signatures are not checked here.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { RefusalCode } from "../../../core/refusal.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { findAuthorities, vouchedIntermediates } from "../../../core/trust/authorities.ts";
import { IssuedSignatures } from "../../../core/trust/issued-signatures.ts";
import { checkIssuer, checkSignature } from "../../../core/trust/issuer.ts";
import { findPath } from "../../../core/trust/path.ts";
import { verifyTrust } from "../../../core/trust/verify.ts";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import { parseDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import type { GeneralName } from "../../../core/x509/general-name.ts";
import { namesIssuer } from "../../../core/x509/issuance.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  policyDocument,
  prove,
  refused,
} from "../../support/scenes/certificates.ts";
import { certificate, compileSenders, github } from "../../support/scenes/factors.ts";

const NOBODY = { holds: () => false };
const ROOT = "CN=Root,O=Countersign Tests,C=US";
const INTERMEDIATE = "CN=Intermediate,O=Countersign Tests,C=US";

/** Returns a certificate in which some facts are replaced. Its signature verifies with every key. */
function changed({ certificates }: Fixtures, name: CertificateName, facts: Partial<Certificate> = {}): Certificate {
  return { ...parseCertificate(certificates[name]), isSignedBy: () => true, ...facts };
}

/** Returns authorities that the root certified. They have the same name and different keys. All except the last have expired. */
function namesakes(fixtures: Fixtures, count: number): Certificate[] {
  return Array.from({ length: count }, (_, index) =>
    changed(fixtures, "intermediate", { spkiSha256: `key ${index}`, ...(index < count - 1 && { notAfter: 0 }) }),
  );
}

const anchorsOf = (fixtures: Fixtures) => [
  { name: "root", certificate: changed(fixtures, "root"), certifiers: [], intermediates: [], revocation: undefined },
];

function search(fixtures: Fixtures, intermediates: readonly Certificate[]) {
  const client = { leaf: changed(fixtures, "client"), intermediates, platform: undefined };
  const limits = { maxChainDepth: 4, deny: NOBODY, lists: NO_LISTS, now: fixtures.now };
  return findPath(client, anchorsOf(fixtures), limits);
}

export const cases: Cases = {
  "findPath() tries twenty issuers, and no more": (fixtures) => {
    assert.equal(search(fixtures, namesakes(fixtures, 19)).issuers.length, 2);
    refused("issuer_not_in_date", () => search(fixtures, namesakes(fixtures, 20)));
  },
  "findAuthorities() verifies twenty signatures, and no more": (fixtures) => {
    for (const [presented, certified] of [
      [20, 20],
      [21, 20],
    ] as const) {
      const intermediates = namesakes(fixtures, presented);
      const client = { leaf: changed(fixtures, "client"), intermediates, platform: undefined };
      assert.equal(findAuthorities(client, anchorsOf(fixtures), new IssuedSignatures()).certified.length, certified);
    }
  },
  "findAuthorities() finds each authority once, even if two certify each other": (fixtures) => {
    const { certificates } = fixtures;
    const parsed = (name: CertificateName) => parseCertificate(certificates[name]);
    const anchors = [
      { name: "root", certificate: parsed("root"), certifiers: [], intermediates: [], revocation: undefined },
    ];
    const certifiedBelow = (...intermediates: Certificate[]) => {
      const client = { leaf: parsed("loopClient"), intermediates, platform: undefined };
      return findAuthorities(client, anchors, new IssuedSignatures()).certified;
    };
    const [loopA, byRoot, byA] = [parsed("loopAByB"), parsed("loopBByRoot"), parsed("loopBByA")];
    assert.deepEqual(certifiedBelow(loopA, byRoot, byA), [byRoot, loopA, byA]);
    // The sender also presents the certificate `again`, a copy of the anchor's certificate. The key of this copy signed the
    // certificate `byRoot`, but not the certificate `byA`.
    const again = { ...parsed("root") };
    assert.deepEqual(certifiedBelow(loopA, byRoot, byA, again), [byRoot, again, loopA, byA]);
    assert.deepEqual(certifiedBelow(), []);
  },
  "vouchedIntermediates() has one order, whatever the order of the sender is": (fixtures) => {
    const anchors = anchorsOf(fixtures);
    const digests = ["c", "a", "d", "b"];
    const authorities = digests.map((sha256) => changed(fixtures, "intermediate", { sha256, spkiSha256: sha256 }));
    for (const intermediates of [authorities, authorities.toReversed(), authorities.toSpliced(0, 1, ...authorities)]) {
      const client = { leaf: changed(fixtures, "client"), intermediates, platform: undefined };
      assert.deepEqual(
        vouchedIntermediates(client, anchors).map(({ sha256 }) => sha256),
        ["a", "b", "c", "d"],
      );
    }
  },
  "findPath() uses no key twice": (fixtures) => {
    // The root certified the certificate `again`, which has the root's name. The `authorityKeyId` of the leaf selects `again` as
    // the issuer, and not the root. If `again` has a key of its own, there is a path through `again`. If `again` has the root's
    // key, there is no path, because a path uses no key twice.
    const { foldedSubject, spkiSha256 } = parseCertificate(fixtures.certificates.root);
    const leaf = changed(fixtures, "client", { foldedIssuer: foldedSubject, authorityKeyId: "again" });
    const again = (spki: string) =>
      changed(fixtures, "intermediate", { foldedSubject, subjectKeyId: "again", spkiSha256: spki });
    const limits = { maxChainDepth: 4, deny: NOBODY, lists: NO_LISTS, now: fixtures.now };
    const find = (spki: string) =>
      findPath({ leaf, intermediates: [again(spki)], platform: undefined }, anchorsOf(fixtures), limits);
    assert.equal(find("another key").issuers.length, 2);
    refused("issuer_unknown", () => find(spkiSha256));
  },
  "findPath() reports how many certificates were presented, and which anchors there are": (fixtures) => {
    const { details } = refused("issuer_unknown", () =>
      prove(fixtures, { leaf: "client", intermediates: ["depth1"] }, { anchors: ["root", "stranger"] }),
    );
    assert.deepEqual(details, { intermediates: 1, anchors: ["root", "stranger"] });
  },
  "findPath() reports the maximum depth of a path": (fixtures) => {
    const presented = { leaf: "client", intermediates: ["intermediate"] } as const;
    const { details } = refused("chain_too_deep", () => prove(fixtures, presented, { trust: { maxChainDepth: 1 } }));
    assert.deepEqual(details, { depth: 2, maxChainDepth: 1 });
  },
  "checkIssuer() reports which authority is at fault, and why": (fixtures) => {
    const { now } = fixtures;
    const at = { authority: INTERMEDIATE, depth: 1 };
    const signs = { keyCertSign: true, cRLSign: true, digitalSignature: true };
    const faults: readonly (readonly [RefusalCode, Partial<Certificate>, Readonly<Record<string, unknown>>])[] = [
      ["issuer_not_ca", { isCa: false }, {}],
      ["unknown_critical_extension", { unknownCritical: ["1.2.3"] }, { extensions: ["1.2.3"] }],
      ["wrong_key_usage", { keyUsage: { ...signs, keyCertSign: false } as never }, {}],
      ["wrong_extended_key_usage", { extendedKeyUsage: ["1.3.6.1.5.5.7.3.1"] }, {}],
      ["issuer_not_in_date", { notAfter: now - 1 }, { notAfter: now - 1 }],
      ["issuer_not_in_date", { notBefore: now + 1, notAfter: now + 2 }, { notAfter: now + 2 }],
      [
        "name_not_permitted",
        { nameConstraints: { permitted: [{ kind: "dns", value: "b.example" }], excluded: [] } },
        {},
      ],
    ];
    const below = [changed(fixtures, "client")];
    for (const [code, facts, told] of faults) {
      const issuer = changed(fixtures, "intermediate", facts);
      assert.deepEqual(refused(code, () => checkIssuer(issuer, below, { deny: NOBODY, now })).details, {
        ...at,
        ...told,
      });
    }
    const issuer = changed(fixtures, "intermediate", { pathLength: 0 });
    assert.deepEqual(
      refused("certificate_denied", () => checkIssuer(issuer, below, { deny: { holds: () => true }, now })).details,
      at,
    );
    const deeper = [...below, changed(fixtures, "depth1")];
    const { details } = refused("path_length_exceeded", () => checkIssuer(issuer, deeper, { deny: NOBODY, now }));
    assert.deepEqual(details, { authority: INTERMEDIATE, depth: 2, pathLength: 0 });
  },
  "checkSignature() reports which certificate of which authority is at fault": (fixtures) => {
    const at = { authority: ROOT, certificate: INTERMEDIATE };
    const told = (code: RefusalCode, facts: Partial<Certificate>, issuer: Partial<Certificate> = {}) =>
      refused(code, () =>
        checkSignature(
          changed(fixtures, "intermediate", facts),
          changed(fixtures, "root", issuer),
          new IssuedSignatures(),
        ),
      ).details;
    assert.deepEqual(told("signature_invalid", { isSignedBy: () => false }), at);
    assert.deepEqual(told("algorithm_not_accepted", {}, { hasAcceptedKey: false }), at);
    const signatureAlgorithm = "1.2.840.113549.1.1.5";
    assert.deepEqual(told("algorithm_not_accepted", { signatureAlgorithm }), { ...at, signatureAlgorithm });
  },
  "checkIssuer() applies DNS constraints to a common name only if the whole name is a host name": (fixtures) => {
    const nameConstraints = { permitted: [{ kind: "dns", value: "client.example" } as const], excluded: [] };
    const issuer = changed(fixtures, "intermediate", { nameConstraints });
    const judge = (text: string) => {
      const leaf = changed(fixtures, "direct", { subject: parseDistinguishedName(`CN=${text}`), subjectAltNames: [] });
      checkIssuer(issuer, [leaf], { deny: NOBODY, now: fixtures.now });
    };
    for (const text of [
      "client.example",
      "a.client.example",
      "Acme evil.example",
      "evil.example Acme",
      "evil",
      "a..b",
    ]) {
      judge(text);
    }
    for (const text of ["evil.example", "EVIL.example", "*.evil.example", "a_b.e-vil.example"]) {
      refused("name_not_permitted", () => judge(text));
    }
  },
  "checkIssuer() applies no DNS constraint to other attributes, and no name constraint to an empty subject": (
    fixtures,
  ) => {
    const judge = (facts: Partial<Certificate>, permitted: GeneralName) => {
      const issuer = changed(fixtures, "intermediate", { nameConstraints: { permitted: [permitted], excluded: [] } });
      checkIssuer(issuer, [changed(fixtures, "direct", facts)], { deny: NOBODY, now: fixtures.now });
    };
    const host: GeneralName = { kind: "dns", value: "client.example" };
    judge({ subject: parseDistinguishedName("CN=client.example,O=evil.example"), subjectAltNames: [] }, host);
    const acme: GeneralName = { kind: "directory", name: parseDistinguishedName("O=Acme") };
    judge({ subject: [], subjectAltNames: [host] }, acme);
    refused("name_not_permitted", () => judge({ subjectAltNames: [host] }, acme));
    // A client whose issuer name equals its subject name is still subject to name constraints.
    const { foldedIssuer } = parseCertificate(fixtures.certificates.direct);
    refused("name_not_permitted", () => judge({ foldedSubject: foldedIssuer }, acme));
  },
  "checkIssuer() counts the authorities below an issuer against its path length": (fixtures) => {
    const issuer = changed(fixtures, "root", { pathLength: 1 });
    const below = [changed(fixtures, "client"), changed(fixtures, "intermediate")];
    const context = { deny: NOBODY, now: fixtures.now };
    checkIssuer(issuer, below, context);
    const deeper = [...below, changed(fixtures, "depth1")];
    refused("path_length_exceeded", () => checkIssuer(issuer, deeper, context));
    checkIssuer(changed(fixtures, "root", { pathLength: undefined }), deeper, context);
  },
  "namesIssuer() compares key identifiers if both certificates have them": (fixtures) => {
    const names = (authorityKeyId: string | undefined, subjectKeyId: string | undefined) =>
      namesIssuer(changed(fixtures, "client", { authorityKeyId }), changed(fixtures, "intermediate", { subjectKeyId }));
    assert.deepEqual([names("a", "a"), names("a", "b")], [true, false]);
    assert.deepEqual([names(undefined, "a"), names("a", undefined), names(undefined, undefined)], [true, true, true]);
  },
  "verifyTrust() reports what is wrong with a client's certificate": (fixtures) => {
    const { now } = fixtures;
    const policy = compilePolicy(policyDocument(fixtures));
    const facts = { deny: policy.deny, lists: NO_LISTS, now };
    const faults: readonly (readonly [RefusalCode, Partial<Certificate>, Readonly<Record<string, unknown>>])[] = [
      ["certificate_not_yet_valid", { notBefore: now + 1 }, { notBefore: now + 1 }],
      ["certificate_expired", { notAfter: now - 1 }, { notAfter: now - 1 }],
      ["unknown_critical_extension", { unknownCritical: ["1.2.3"] }, { extensions: ["1.2.3"] }],
      ["certificate_is_ca", { isCa: true }, {}],
      ["wrong_extended_key_usage", { extendedKeyUsage: ["1.2.3"] }, { extendedKeyUsage: ["1.2.3"] }],
      ["algorithm_not_accepted", { signatureAlgorithm: "1.2.3" }, { signatureAlgorithm: "1.2.3" }],
    ];
    for (const [code, changes, told] of faults) {
      const client = { leaf: changed(fixtures, "direct", changes), intermediates: [], platform: undefined };
      assert.deepEqual(refused(code, () => verifyTrust(client, policy.senders, facts)).details, told);
    }
    const client = { leaf: changed(fixtures, "direct"), intermediates: [], platform: undefined };
    const { details } = refused("certificate_denied", () =>
      verifyTrust(client, policy.senders, { ...facts, deny: { holds: () => true } }),
    );
    assert.deepEqual(details, { serial: client.leaf.serial });
  },
  "verifyTrust() reports the platform's verdict, and a missing verdict": (fixtures) => {
    const trust = { anchors: [], trust: { platform: true } };
    const none = refused("platform_not_verified", () => prove(fixtures, { leaf: "direct" }, trust));
    assert.deepEqual(none.details, { verdict: "none given" });
    const platform = { verified: "FAILED", revoked: false };
    const failed = refused("platform_not_verified", () => prove(fixtures, { leaf: "direct", platform }, trust));
    assert.deepEqual(failed.details, { verdict: "FAILED" });
    const other = refused("platform_disagrees", () => prove(fixtures, { leaf: "direct", platform }));
    assert.deepEqual(other.details, { verdict: "FAILED" });
    const proof = prove(fixtures, { leaf: "direct", platform: { ...platform, verified: "SUCCESS" } }, trust);
    assert.deepEqual(proof, { anchor: undefined, chainDepth: 0 });
  },
  "verifyTrust() proves certificates only for senders that need one": (fixtures) => {
    const { senders, deny } = compileSenders(fixtures, { signs: github("ONE"), proves: certificate() });
    const leaf = fixtures.certificates.direct;
    const client = parseClientCertificate({ leaf, intermediates: [], platform: undefined });
    const facts = { deny, lists: NO_LISTS, now: fixtures.now };
    assert.deepEqual(
      [...verifyTrust(client, senders, facts).proofs.keys()].map(({ name }) => name),
      ["proves"],
    );
    assert.equal(verifyTrust(client, senders.slice(0, 1), facts).proofs.size, 0);
  },
};
