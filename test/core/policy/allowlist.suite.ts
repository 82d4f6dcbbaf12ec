// Tests that the index of a sender's entries finds the same entries as a comparison with every entry.

import assert from "node:assert/strict";
import fc from "fast-check";
import { admitByCertificate } from "../../../core/admission/admit.ts";
import { Allowlist } from "../../../core/policy/allowlist.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { compileCertificateMatcher, lookupKeysOf } from "../../../core/policy/matcher.ts";
import { selectRoute } from "../../../core/policy/policy.ts";
import { DIAGNOSED_ENTRIES } from "../../../core/wire.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import {
  admit,
  type Cases,
  type Fixtures,
  type MatcherDocument,
  policyDocument,
  present,
  refused,
} from "../../support/scenes/certificates.ts";

/** Returns entries of every kind. Some match certificates of the fixtures, others do not. */
function entriesOf({ certificates }: Fixtures): MatcherDocument[] {
  const { sha256, spkiSha256, subjectText } = parseCertificate(certificates.client);
  return [
    { sha256: sha256.toUpperCase() },
    { spkiSha256: spkiSha256.replace(/..(?=.)/g, "$&:") },
    { subject: subjectText },
    { subject: { CN: "client.example" } },
    { subject: { O: ["Countersign Tests"], C: "US" }, issuer: { CN: "Intermediate" } },
    { subject: { CN: ["client.example", "other.example"] } },
    { subject: { CN: "other.example" } },
    { san: { dns: ["client.example"] } },
    { san: { dns: ["other.example"] } },
    { san: { email: ["ops@client.example"], ip: ["2001:0DB8:0::7"] } },
    { san: { uri: ["spiffe://client.example/webhook"], ip: ["192.0.2.7"] } },
    { san: { ip: ["192.0.2.8"] } },
    { subject: subjectText, until: "2026-06-01" },
  ];
}

function admitWith(fixtures: Fixtures, certificates: readonly MatcherDocument[]) {
  const policy = compilePolicy(policyDocument(fixtures, { certificates }));
  const proven = present(fixtures, { leaf: "direct" }, policy);
  return admit(proven, selectRoute(policy, "/hooks", "POST"), fixtures.now);
}

const others = (count: number): MatcherDocument[] =>
  Array.from({ length: count }, (_, index) => ({ subject: { CN: `client-${index}.example`, O: "Countersign Tests" } }));

export const cases: Cases = {
  "Allowlist.entriesFor() returns every entry that matches": (fixtures) => {
    const all = entriesOf(fixtures);
    const names = [
      "client",
      "direct",
      "named",
      "namedReordered",
      "twoCommonNames",
      "bmpCommonName",
      "wildcard",
    ] as const;
    const leaves = names.map((name) => parseCertificate(fixtures.certificates[name]));
    let matches = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: 30 }), (entries) => {
        const matchers = entries.map(compileCertificateMatcher);
        const allowlist = new Allowlist(matchers);
        for (const leaf of leaves) {
          const scanned = matchers.flatMap((matcher, index) =>
            matcher.failures(leaf, fixtures.now).length === 0 ? [index] : [],
          );
          const found = allowlist
            .entriesFor(leaf)
            .flatMap(([index, matcher]) => (matcher.failures(leaf, fixtures.now).length === 0 ? [index] : []));
          assert.deepEqual(
            found.toSorted((a, b) => a - b),
            scanned,
          );
          matches += scanned.length;
        }
      }),
      { numRuns: 20 },
    );
    assert.ok(matches > 0);
  },
  "lookupKeysOf() returns every key of an entry that matches": (fixtures) => {
    const leaf = parseCertificate(fixtures.certificates.client);
    const keys = lookupKeysOf(leaf);
    assert.equal(lookupKeysOf(leaf), keys, "made once for each certificate");
    for (const entry of entriesOf(fixtures)) {
      const matcher = compileCertificateMatcher(entry);
      assert.ok(matcher.keys.length > 0);
      if (matcher.failures(leaf, 0).length === 0) assert.ok(matcher.keys.every((key) => keys.has(key)));
    }
  },
  "Allowlist.entriesFor() returns only the few entries that share a rare member with the certificate": (fixtures) => {
    const matchers = [...others(5000), { subject: { CN: "client.example", O: "Countersign Tests" } }].map(
      compileCertificateMatcher,
    );
    const candidates = new Allowlist(matchers).entriesFor(parseCertificate(fixtures.certificates.direct));
    assert.deepEqual(
      candidates.map(([index]) => index),
      [5000],
    );
  },
  "Allowlist.entriesFor() finds an entry by its rarest member, at any place in the policy": (fixtures) => {
    const leaf = parseCertificate(fixtures.certificates.direct);
    const reversed = others(20).map(({ subject }) => ({
      subject: Object.fromEntries(Object.entries(subject as object).reverse()),
    }));
    for (const entries of [others(20), reversed]) {
      const allowlist = new Allowlist(entries.map(compileCertificateMatcher));
      assert.deepEqual(allowlist.entriesFor(leaf), [], JSON.stringify(entries[0]));
    }
  },
  "admit() admits by the last of many entries, and by no other entry": (fixtures) => {
    const entry = { subject: { CN: "client.example", O: "Countersign Tests" } };
    assert.equal(admitWith(fixtures, [...others(5000), entry]).sender.name, "sender");
    refused("sender_not_allowed", () => admitWith(fixtures, others(5000)));
  },
  "admit() compares as few entries for fifty senders as for one, to name the nearest entry": (fixtures) => {
    const document = policyDocument(fixtures, { certificates: others(20) });
    const names = Array.from({ length: 50 }, (_, index) => `sender-${index}`);
    const policy = compilePolicy({
      ...document,
      senders: Object.fromEntries(names.map((name) => [name, document.senders.sender])),
      routes: { "/hooks": { senders: names, methods: ["POST"] } },
    });
    let compared = 0;
    const senders = policy.senders.map((sender) => {
      const matchers = others(20).map((entry) => {
        const matcher = compileCertificateMatcher(entry);
        const failures: typeof matcher.failures = (...args) => {
          compared += 1;
          return matcher.failures(...args);
        };
        return { ...matcher, failures };
      });
      return {
        ...sender,
        certificate: sender.certificate && { ...sender.certificate, allowlist: new Allowlist(matchers) },
      };
    });
    const proven = present(fixtures, { leaf: "direct" }, { ...policy, senders });
    refused("sender_not_allowed", () => admitByCertificate(proven, senders, fixtures.now));
    assert.equal(compared, DIAGNOSED_ENTRIES);
  },
  "admit() names the nearest of many entries if the certificate shares its rare member": (fixtures) => {
    const near = { subject: { CN: "client.example" }, until: "2026-06-01" };
    const { details } = refused("sender_not_allowed", () => admitWith(fixtures, [...others(5000), near]));
    assert.deepEqual(details["nearMiss"], { sender: "sender", entry: 5000, failed: ["until"] });
  },
};
