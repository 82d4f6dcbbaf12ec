// Tests the verdict of the platform, the policy's own anchors, both together, and the deny list.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { RefusalCode } from "../../../core/refusal.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { formatDistinguishedName } from "../../../core/x509/distinguished-name.ts";
import { concat, TAG } from "../../support/certificates/der-edit.ts";
import { edit, encodeName, FIELD } from "../../support/certificates/edit.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  policyDocument,
  present,
  prove,
  refused,
} from "../../support/scenes/certificates.ts";

const TRUST = {
  anchors: { anchors: ["root"] },
  platform: { anchors: [], trust: { platform: true } },
  both: { anchors: ["root"], trust: { platform: true } },
} as const;
const NOT_KNOWN = ["FAILED:unable to get local issuer certificate", "FAILED:unable to verify the first certificate"];
const FAULTS = [
  "FAILED:certificate has expired",
  "FAILED:self signed certificate",
  "FAILED:certificate signature failure",
  "FAILED",
  "FAILED:",
  "NONE",
  "",
  "success",
  "SUCCESS ",
  "FAILED:unable to get local issuer certificate ",
];

/**
 * Proves the certificate `direct` under one kind of trust, with this verdict of the platform. Returns the anchor, or "platform".
 */
function verdict(fixtures: Fixtures, trust: keyof typeof TRUST, verified: string | undefined, revoked = false): string {
  const platform = verified === undefined ? {} : { platform: { verified, revoked } };
  return prove(fixtures, { leaf: "direct", ...platform }, TRUST[trust]).anchor ?? "platform";
}

function refusedAs(
  code: RefusalCode,
  fixtures: Fixtures,
  trust: keyof typeof TRUST,
  ...verdicts: (string | undefined)[]
) {
  for (const verified of verdicts) refused(code, () => verdict(fixtures, trust, verified));
}

/** Proves the certificate `client`, which the intermediate issued, under a policy with these deny entries. */
const denied = (fixtures: Fixtures, ...deny: unknown[]) =>
  prove(fixtures, { leaf: "client", intermediates: ["intermediate"] }, { deny });

function entriesFor({ certificates }: Fixtures, name: CertificateName) {
  const { sha256, spkiSha256, serial, issuer } = parseCertificate(certificates[name]);
  return [{ sha256 }, { spkiSha256 }, { serial, issuer: formatDistinguishedName(issuer) }];
}

export const cases: Cases = {
  "verifyTrust() proves by anchors if the platform says SUCCESS, nothing, or that it does not know the issuer": (f) => {
    for (const verified of ["SUCCESS", undefined, ...NOT_KNOWN]) assert.equal(verdict(f, "anchors", verified), "root");
  },
  "verifyTrust() refuses by anchors if the platform found any other fault": (fixtures) => {
    refusedAs("platform_disagrees", fixtures, "anchors", ...FAULTS);
  },
  "verifyTrust() proves by the platform only if the verdict is exactly SUCCESS": (fixtures) => {
    assert.equal(verdict(fixtures, "platform", "SUCCESS"), "platform");
    refusedAs("platform_not_verified", fixtures, "platform", undefined, ...NOT_KNOWN, ...FAULTS);
  },
  "verifyTrust() requires the platform and the anchors if trust names both": (fixtures) => {
    assert.equal(verdict(fixtures, "both", "SUCCESS"), "root");
    refusedAs("platform_not_verified", fixtures, "both", undefined, ...NOT_KNOWN, ...FAULTS);
    const stranger = { leaf: "strangersClient", platform: { verified: "SUCCESS", revoked: false } } as const;
    refused("issuer_unknown", () => prove(fixtures, stranger, TRUST.both));
    refused("issuer_unknown", () => prove(fixtures, stranger, TRUST.anchors));
    assert.equal(prove(fixtures, stranger, TRUST.platform).anchor, undefined);
  },
  "verifyTrust() refuses a certificate that the platform calls revoked, whatever else the platform says": (
    fixtures,
  ) => {
    for (const trust of ["anchors", "platform", "both"] as const) {
      for (const verified of ["SUCCESS", ...NOT_KNOWN, ...FAULTS]) {
        refused("platform_revoked", () => verdict(fixtures, trust, verified, true));
      }
    }
  },
  "verifyTrust() checks dates and usages itself, even if the platform says SUCCESS": (fixtures) => {
    const platform = { verified: "SUCCESS", revoked: false };
    const judge = (leaf: CertificateName, now = fixtures.now) =>
      prove(fixtures, { leaf, platform, now }, TRUST.platform);
    refused("certificate_expired", () => judge("direct", fixtures.now * 2));
    refused("certificate_not_yet_valid", () => judge("direct", 0));
    refused("wrong_extended_key_usage", () => judge("serverOnly"));
    refused("wrong_key_usage", () => judge("encipherOnly"));
    refused("certificate_is_ca", () => judge("intermediate"));
    refused("unknown_critical_extension", () => judge("criticalClient"));
    refused("algorithm_not_accepted", () => judge("weakClient"));
  },
  "verifyTrust() proves only for the senders whose trust is satisfied": (fixtures) => {
    const document = policyDocument(fixtures, { anchors: ["root", "stranger"] });
    const { certificates } = document.senders.sender;
    const policy = compilePolicy({
      ...document,
      senders: {
        a: { certificates, trust: { anchors: ["stranger"] } },
        b: { certificates, trust: { anchors: ["root"] } },
        c: { certificates, trust: { anchors: ["root"], platform: true } },
      },
      routes: { "/hooks": { senders: ["a", "b", "c"], methods: ["POST"] } },
    });
    assert.deepEqual(
      [...present(fixtures, { leaf: "direct" }, policy).proofs.keys()].map(({ name }) => name),
      ["b"],
    );
    refused("issuer_unknown", () => present(fixtures, { leaf: "rootTwinClient" }, policy));
  },
  "verifyTrust() refuses a leaf that the deny list names by digest, key or serial": (fixtures) => {
    for (const entry of entriesFor(fixtures, "client")) refused("certificate_denied", () => denied(fixtures, entry));
  },
  "verifyTrust() refuses a leaf that one of several entries of the deny list names": (fixtures) => {
    const others = [{ sha256: "00".repeat(32) }, { spkiSha256: "00".repeat(32) }, { serial: "00", issuer: "CN=x" }];
    for (const entry of entriesFor(fixtures, "client")) {
      refused("certificate_denied", () => denied(fixtures, ...others, entry));
      refused("certificate_denied", () => denied(fixtures, entry, ...others));
    }
    assert.ok(denied(fixtures, ...others));
  },
  "verifyTrust() refuses a leaf whose intermediate the deny list names": (fixtures) => {
    for (const entry of entriesFor(fixtures, "intermediate")) {
      refused("certificate_denied", () => denied(fixtures, entry));
    }
  },
  "verifyTrust() refuses a leaf whose anchor the deny list names": (fixtures) => {
    for (const entry of entriesFor(fixtures, "root")) refused("certificate_denied", () => denied(fixtures, entry));
  },
  "verifyTrust() refuses a certificate that is denied by digest also with its other ECDSA signature, and vice versa": (
    fixtures,
  ) => {
    const digestOf = (name: CertificateName) => ({ sha256: parseCertificate(fixtures.certificates[name]).sha256 });
    const denies = (denied: CertificateName, anchor: CertificateName, leaf: CertificateName, ca?: CertificateName) => {
      const presented = { leaf, intermediates: ca === undefined ? [] : [ca] };
      assert.ok(prove(fixtures, presented, { anchors: [anchor] }));
      refused("certificate_denied", () => prove(fixtures, presented, { anchors: [anchor], deny: [digestOf(denied)] }));
    };
    denies("client", "root", "clientTwin", "intermediate");
    denies("clientTwin", "root", "client", "intermediate");
    denies("intermediate", "root", "client", "intermediateTwin");
    denies("intermediateTwin", "root", "client", "intermediate");
    denies("rootTwinSignature", "root", "direct");
    denies("p384Client", "p384Root", "p384ClientTwin");
    denies("p384ClientTwin", "p384Root", "p384Client");
    denies("p521RootClient", "p521Root", "p521RootClientTwin");
    denies("p521RootClientTwin", "p521Root", "p521RootClient");
    for (const [anchor, leaf] of [
      ["rsaRoot", "rsaClient"],
      ["ed25519Root", "ed25519Client"],
    ] as const)
      denies(leaf, anchor, leaf);
  },
  "verifyTrust() refuses every certificate of a CA if a known certificate of it is denied by digest": (fixtures) => {
    const { certificates } = fixtures;
    const [digest] = entriesFor(fixtures, "intermediate");
    const both = { anchors: ["root", "stranger"] } as const;
    const leaf = "client";
    const presented = { leaf, intermediates: ["intermediateByStranger"] } as const;
    assert.equal(prove(fixtures, presented, both).anchor, "stranger");
    const together = { leaf, intermediates: ["intermediate", "intermediateByStranger"] } as const;
    refused("certificate_denied", () => prove(fixtures, together, { ...both, deny: [digest] }));
    const anchored = { anchors: [...both.anchors, "intermediate"] } as const;
    refused("certificate_denied", () => prove(fixtures, presented, { ...anchored, deny: [digest] }));
    const { spkiSha256, serial, issuerText: issuer } = parseCertificate(certificates.intermediate);
    refused("certificate_denied", () => prove(fixtures, presented, { ...both, deny: [{ spkiSha256 }] }));
    // A deny entry with a serial number and an issuer matches only one certificate, not the other certificates of the same CA.
    assert.equal(prove(fixtures, together, { ...both, deny: [{ serial, issuer }] }).anchor, "stranger");
  },
  "verifyTrust() denies under platform trust as well": (fixtures) => {
    const platform = { verified: "SUCCESS", revoked: false };
    for (const entry of entriesFor(fixtures, "direct")) {
      refused("certificate_denied", () =>
        prove(fixtures, { leaf: "direct", platform }, { ...TRUST.platform, deny: [entry] }),
      );
    }
    // The platform does not say which of the presented CAs it used. So a deny entry for any of these CAs must apply.
    for (const entry of [...entriesFor(fixtures, "intermediate"), ...entriesFor(fixtures, "root")]) {
      const presented = { leaf: "client", intermediates: ["intermediateTwin", "root"], platform } as const;
      assert.equal(prove(fixtures, presented, TRUST.platform).anchor, undefined);
      const denying = { ...TRUST.platform, deny: [entry] };
      const { details } = refused("certificate_denied", () => prove(fixtures, presented, denying));
      assert.match(String(details["authority"]), /^CN=(Intermediate|Root),/);
    }
  },
  "verifyTrust() ignores deny entries that name other certificates": (fixtures) => {
    const { serial } = parseCertificate(fixtures.certificates.client);
    const others = [
      ...entriesFor(fixtures, "direct"),
      { serial, issuer: "CN=Root,O=Countersign Tests,C=US" },
      { serial: `${serial}00`, issuer: "CN=Intermediate,O=Countersign Tests,C=US" },
    ];
    assert.equal(denied(fixtures, ...others).chainDepth, 2);
  },
  "verifyTrust() reads serials and digests of the deny list in any usual form": (fixtures) => {
    const { sha256, serial } = parseCertificate(fixtures.certificates.client);
    const padded = serial.padStart(40, "0");
    const colons = (hex: string) => (hex.match(/../g) ?? []).join(":").toUpperCase();
    const issuer = "CN=intermediate,O=COUNTERSIGN tests,C=us";
    const entries = [{ sha256: colons(sha256) }, { serial: padded, issuer }, { serial: colons(padded), issuer }];
    for (const entry of entries) refused("certificate_denied", () => denied(fixtures, entry));
  },
  "compilePolicy() denies by an issuer name as text, whatever string types the CA used": (fixtures) => {
    const { certificates } = fixtures;
    const utf = (text: string, size: number) =>
      concat(...Array.from(text, (character) => Uint8Array.of(...Array(size - 1).fill(0), character.charCodeAt(0))));
    const wrote = [
      encodeName([["2.5.4.10", TAG.bmp, utf("R\u00e9al CA", 2)]], [["2.5.4.3", TAG.utf8, "Root"]]),
      encodeName([["2.5.4.10", TAG.universal, utf("R\u00e9al CA", 4)]], [["2.5.4.3", TAG.teletex, utf("Root", 1)]]),
    ];
    for (const name of wrote) {
      const leaf = parseCertificate(edit(certificates.client, ({ tbs }) => tbs.splice(FIELD.issuer, 1, name)));
      const holds = (issuer: string, serial = leaf.serial) =>
        compilePolicy(policyDocument(fixtures, { deny: [{ serial, issuer }] })).deny.holds(leaf);
      assert.ok(holds("CN=Root,O=R\u00e9al CA"), leaf.issuerText);
      assert.ok(holds(leaf.issuerText));
      assert.ok(!holds("CN=Root,O=Real CA"));
      assert.ok(!holds("CN=Root"));
      assert.ok(!holds("CN=Root,O=R\u00e9al CA", `${leaf.serial}0`));
    }
  },
  "verifyTrust() avoids a denied intermediate if there is another path": (fixtures) => {
    const [digest, , entry] = entriesFor(fixtures, "loopBByRoot");
    const anchors = ["root", "loopBByA"] as const;
    const presented = { leaf: "loopClient", intermediates: ["loopBByRoot", "loopAByB"] } as const;
    refused("certificate_denied", () => prove(fixtures, presented, { anchors, deny: [digest] }));
    assert.equal(prove(fixtures, presented, { anchors, deny: [entry] }).anchor, "loopBByA");
  },
};
