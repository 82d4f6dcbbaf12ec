// Tests how a sender of the route is found for a proven certificate.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { selectRoute } from "../../../core/policy/policy.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { describeCertificate } from "../../../core/x509/client-certificate.ts";
import {
  admit,
  type Cases,
  type CertificateName,
  type Fixtures,
  type MatcherDocument,
  type PolicyParts,
  policyDocument,
  present,
  refused,
} from "../../support/scenes/certificates.ts";

const SUBJECT = "CN=client.example,O=Countersign Tests,C=US";

function admitWith(
  fixtures: Fixtures,
  leaf: CertificateName,
  certificates: readonly MatcherDocument[],
  now = fixtures.now,
) {
  const policy = compilePolicy(policyDocument(fixtures, { certificates }));
  const presented = { leaf, intermediates: ["intermediate"] as const, now };
  return admit(present(fixtures, presented, policy), selectRoute(policy, "/hooks", "POST"), now);
}

/**
 * Admits a certificate under a policy of several senders, each with its own anchors and entries. The route lists the senders in the
 * given order.
 */
function admitAmong(
  fixtures: Fixtures,
  leaf: CertificateName,
  senders: Record<string, Required<Pick<PolicyParts, "anchors" | "certificates">>>,
) {
  const document = {
    ...policyDocument(fixtures, { anchors: ["root", "stranger"] }),
    senders: Object.fromEntries(
      Object.entries(senders).map(([name, { anchors, certificates }]) => [name, { certificates, trust: { anchors } }]),
    ),
    routes: { "/hooks": { senders: Object.keys(senders), methods: ["POST"] } },
  };
  const policy = compilePolicy(document);
  return admit(present(fixtures, { leaf }, policy), selectRoute(policy, "/hooks", "POST"), fixtures.now);
}

export const cases: Cases = {
  "admit() admits a certificate that an entry matches": (fixtures) => {
    const { sender, certificate, proof } = admitWith(fixtures, "client", [{ subject: SUBJECT }]);
    assert.equal(sender.name, "sender");
    assert.equal(certificate.leaf, parseCertificate(fixtures.certificates.client));
    assert.deepEqual(proof, { anchor: "root", chainDepth: 2 });
  },
  "admit() accepts a CA certificate only by its digest, and checks its path": (fixtures) => {
    const authority = parseCertificate(fixtures.certificates.noKeyUsageCa);
    const pins = [{ sha256: authority.sha256 }, { spkiSha256: authority.spkiSha256 }];
    const subject = authority.subjectText;
    const go = (
      certificates: readonly MatcherDocument[],
      anchors: readonly CertificateName[] = ["root"],
      leaf: CertificateName = "noKeyUsageCa",
    ) => admitAmong(fixtures, leaf, { sender: { anchors, certificates } });
    for (const pin of [...pins, { ...pins[0], ...pins[1] }, { ...pins[0], from: "2000-01-01" }]) {
      const { proof } = go([pin]);
      assert.deepEqual(proof, { anchor: "root", chainDepth: 1 });
      refused("issuer_unknown", () => go([pin], ["stranger"]));
      refused("certificate_is_ca", () => go([{ ...pin, subject }]));
      refused("certificate_is_ca", () => go([{ ...pin, issuer: authority.issuerText }]));
      refused("certificate_is_ca", () => go([pin], ["root"], "root"));
    }
    refused("certificate_is_ca", () => go([{ subject }]));
    refused("certificate_is_ca", () => go([{ sha256: "0".repeat(64) }, { subject }]));
    const ended = refused("sender_not_allowed", () =>
      go([{ ...pins[0], until: "2000-01-01" } as MatcherDocument, { subject }]),
    );
    assert.deepEqual((ended.details["nearMiss"] as { failed: unknown }).failed, ["until"]);
  },
  "admit() accepts nothing that a pinned CA certificate issued, and pins it for one sender alone": (fixtures) => {
    const { sha256, spkiSha256 } = parseCertificate(fixtures.certificates.noKeyUsageCa);
    const senders = {
      named: {
        anchors: ["root"] as const,
        certificates: [{ subject: parseCertificate(fixtures.certificates.noKeyUsageCa).subjectText }],
      },
      pinned: { anchors: ["root"] as const, certificates: [{ sha256 }, { spkiSha256 }] },
    };
    assert.equal(admitAmong(fixtures, "noKeyUsageCa", senders).sender.name, "pinned");
    const { pinned } = senders;
    const policy = compilePolicy(policyDocument(fixtures, pinned));
    const issued = { leaf: "noKeyUsageCaClient", intermediates: ["noKeyUsageCa"] } as const;
    const route = selectRoute(policy, "/hooks", "POST");
    refused("sender_not_allowed", () => admit(present(fixtures, issued, policy), route, fixtures.now));
  },
  "admit() refuses a subject whose attributes are reordered": (fixtures) => {
    admitWith(fixtures, "named", [{ subject: SUBJECT }]);
    refused("sender_not_allowed", () => admitWith(fixtures, "namedReordered", [{ subject: SUBJECT }]));
  },
  "admit() refuses every near imitation of the subject": (fixtures) => {
    const imitations = [
      "namedUpperCase",
      "namedHomograph",
      "namedWithMore",
      "namedLonger",
      "namedPrefixed",
      "twoCommonNames",
      "injected",
      "injectedPlus",
      "bmpCommonName",
      "wildcard",
    ] as const;
    for (const leaf of imitations) {
      refused("sender_not_allowed", () => admitWith(fixtures, leaf, [{ subject: SUBJECT }]));
    }
  },
  "admit() needs one entry of which every member matches": (fixtures) => {
    const wrong = { subject: SUBJECT, san: { dns: ["other.example"] } };
    const right = { subject: { O: "Countersign Tests" }, san: { dns: ["client.example"] } };
    assert.equal(admitWith(fixtures, "client", [wrong, right]).sender.name, "sender");
    refused("sender_not_allowed", () => admitWith(fixtures, "client", [wrong]));
    refused("sender_not_allowed", () => admitWith(fixtures, "direct", [wrong, right]));
  },
  "admit() names the nearest entry, and its members that do not match": (fixtures) => {
    const { details } = refused("sender_not_allowed", () =>
      admitWith(fixtures, "client", [
        { subject: { CN: "other.example", O: "Other" } },
        { subject: { CN: "client.example", O: "Other" }, until: "2030-01-01" },
        { subject: { CN: "other.example", O: "Other", C: "DE" } },
      ]),
    );
    assert.deepEqual(details["nearMiss"], { sender: "sender", entry: 1, failed: ["subject.O"] });
    assert.deepEqual(details["anchors"], ["root"]);
  },
  "admit() names the nearest entry even if no entry has a matching member": (fixtures) => {
    const entries = [{ subject: { CN: "a.example", O: "Other" } }, { subject: { CN: "a.example" } }];
    const { details } = refused("sender_not_allowed", () => admitWith(fixtures, "client", entries));
    assert.deepEqual(details["nearMiss"], { sender: "sender", entry: 1, failed: ["subject.CN"] });
  },
  "admit() names the first of several entries that are equally near": (fixtures) => {
    const { details } = refused("sender_not_allowed", () =>
      admitWith(fixtures, "client", [{ subject: { CN: "a.example" } }, { subject: { O: "Other" } }]),
    );
    assert.deepEqual(details["nearMiss"], { sender: "sender", entry: 0, failed: ["subject.CN"] });
  },
  "admit() names a window that has ended": (fixtures) => {
    const entry = { subject: SUBJECT, until: "2027-01-01" };
    admitWith(fixtures, "client", [entry], fixtures.now - 1);
    const { details } = refused("sender_not_allowed", () => admitWith(fixtures, "client", [entry]));
    assert.deepEqual(details["nearMiss"], { sender: "sender", entry: 0, failed: ["until"] });
  },
  "admit() skips a sender whose trust does not prove the certificate, even if its entry matches": (fixtures) => {
    const certificates = [{ subject: SUBJECT }];
    const admitted = admitAmong(fixtures, "direct", {
      first: { anchors: ["stranger"], certificates },
      second: { anchors: ["root"], certificates },
    });
    assert.equal(admitted.sender.name, "second");
    refused("sender_not_allowed", () =>
      admitAmong(fixtures, "direct", {
        first: { anchors: ["stranger"], certificates },
        second: { anchors: ["root"], certificates: [{ subject: { CN: "other.example" } }] },
      }),
    );
  },
  "admit() admits the first sender of the route that matches": (fixtures) => {
    const certificates = [{ subject: SUBJECT }];
    const senders = { b: { anchors: ["root"], certificates }, a: { anchors: ["root"], certificates } } as const;
    assert.equal(admitAmong(fixtures, "direct", senders).sender.name, "b");
  },
  "admit() considers only the senders of the route": (fixtures) => {
    const document = policyDocument(fixtures);
    const { sender } = document.senders;
    const policy = compilePolicy({
      ...document,
      senders: { sender, other: { ...sender, certificates: [{ subject: { CN: "other.example" } }] } },
      routes: {
        "/hooks": { senders: ["sender"], methods: ["POST"] },
        "/other": { senders: ["other"], methods: ["POST"] },
      },
    });
    const proven = present(fixtures, { leaf: "direct" }, policy);
    assert.equal(admit(proven, selectRoute(policy, "/hooks", "POST"), fixtures.now).sender.name, "sender");
    refused("sender_not_allowed", () => admit(proven, selectRoute(policy, "/other", "POST"), fixtures.now));
  },
  "describeCertificate() returns names, serial and digests": (fixtures) => {
    const { certificate } = admitWith(fixtures, "client", [{ subject: SUBJECT }]);
    const { serial, sha256, spkiSha256 } = certificate.leaf;
    const issuer = "CN=Intermediate,O=Countersign Tests,C=US";
    assert.deepEqual(describeCertificate(certificate), { subject: SUBJECT, issuer, serial, sha256, spkiSha256 });
  },
};
