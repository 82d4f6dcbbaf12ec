// Tests what each certificate on a path must have: key usages, critical extensions, keys and signatures.

import assert from "node:assert/strict";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  problemsOf,
  prove,
  refused,
} from "../../support/scenes/certificates.ts";

const chain = (fixtures: Fixtures, leaf: CertificateName, ...intermediates: CertificateName[]) =>
  prove(fixtures, { leaf, intermediates });
const under = (fixtures: Fixtures, anchor: CertificateName, leaf: CertificateName) =>
  prove(fixtures, { leaf }, { anchors: [anchor] });

export const cases: Cases = {
  "verifyTrust() requires clientAuth in a leaf, or no extended key usage at all": (fixtures) => {
    assert.equal(chain(fixtures, "noUsages").chainDepth, 1);
    assert.equal(chain(fixtures, "serverAndClient").chainDepth, 1);
    refused("wrong_extended_key_usage", () => chain(fixtures, "serverOnly"));
    refused("wrong_extended_key_usage", () => chain(fixtures, "anyPurpose"));
  },
  "verifyTrust() requires the same extended key usage in an intermediate": (fixtures) => {
    assert.equal(chain(fixtures, "clientOnlyCaClient", "clientOnlyCa").chainDepth, 2);
    refused("wrong_extended_key_usage", () => chain(fixtures, "serverOnlyCaClient", "serverOnlyCa"));
  },
  "verifyTrust() requires the same extended key usage in an anchor": (fixtures) => {
    refused("wrong_extended_key_usage", () => under(fixtures, "serverOnlyCa", "serverOnlyCaClient"));
  },
  "verifyTrust() requires digitalSignature in a leaf with a key usage": (fixtures) => {
    refused("wrong_key_usage", () => chain(fixtures, "encipherOnly"));
  },
  "verifyTrust() requires keyCertSign in an issuer with a key usage": (fixtures) => {
    assert.equal(chain(fixtures, "noKeyUsageCaClient", "noKeyUsageCa").chainDepth, 2);
    refused("wrong_key_usage", () => chain(fixtures, "noCertSignCaClient", "noCertSignCa"));
    assert.match(problemsOf(() => under(fixtures, "noCertSignCa", "noCertSignCaClient")).join(), /may not sign/);
  },
  "verifyTrust() refuses a critical extension that it does not understand, anywhere on the path": (fixtures) => {
    assert.equal(chain(fixtures, "uncriticalClient").chainDepth, 1);
    const leaf = refused("unknown_critical_extension", () => chain(fixtures, "criticalClient"));
    assert.deepEqual([...(leaf.details["extensions"] as string[])], ["1.3.6.1.4.1.99999.1"]);
    refused("unknown_critical_extension", () => chain(fixtures, "criticalCaClient", "criticalCa"));
    refused("unknown_critical_extension", () => under(fixtures, "criticalRoot", "criticalRootClient"));
  },
  "verifyTrust() refuses a path that requires policies, even if no extension is critical": (fixtures) => {
    const requires = (run: () => unknown, id: string) =>
      assert.deepEqual(refused("unknown_critical_extension", run).details["extensions"], [id]);
    requires(() => chain(fixtures, "policyConstraintsCaClient", "policyConstraintsCa"), "2.5.29.36");
    requires(() => under(fixtures, "policyConstraintsRoot", "policyConstraintsRootClient"), "2.5.29.36");
    requires(() => chain(fixtures, "policyConstraintsClient"), "2.5.29.36");
    requires(() => chain(fixtures, "inhibitAnyPolicyCaClient", "inhibitAnyPolicyCa"), "2.5.29.54");
    requires(() => chain(fixtures, "qualifierClient"), "2.5.29.32");
  },
  "verifyTrust() accepts critical certificate policies": (fixtures) => {
    assert.equal(chain(fixtures, "policiesClient", "policiesCa").chainDepth, 2);
  },
  "verifyTrust() accepts P-256, P-384, P-521, RSA 2048 and Ed25519": (fixtures) => {
    assert.equal(chain(fixtures, "p521Client").chainDepth, 1);
    assert.equal(under(fixtures, "p384Root", "p384Client").chainDepth, 1);
    assert.equal(under(fixtures, "rsaRoot", "rsaClient").chainDepth, 1);
    assert.equal(under(fixtures, "ed25519Root", "ed25519Client").chainDepth, 1);
  },
  "verifyTrust() refuses RSA of 1024 bits in a leaf and in an intermediate": (fixtures) => {
    refused("algorithm_not_accepted", () => chain(fixtures, "weakClient"));
    refused("algorithm_not_accepted", () => chain(fixtures, "weakCaClient", "weakCa"));
  },
  "compilePolicy() refuses an anchor with RSA of 1024 bits": (fixtures) => {
    assert.match(problemsOf(() => under(fixtures, "weakRoot", "direct")).join(), /^\/anchors\/weakRoot: .*weak/);
  },
  "verifyTrust() refuses a SHA-1 signature on a leaf and on an intermediate": (fixtures) => {
    refused("algorithm_not_accepted", () => under(fixtures, "rsaRoot", "sha1Client"));
    refused("algorithm_not_accepted", () => chain(fixtures, "sha1EcClient"));
    refused("algorithm_not_accepted", () => chain(fixtures, "sha1CaClient", "sha1Ca"));
  },
  "verifyTrust() refuses RSA-PSS, whose hash is a parameter": (fixtures) => {
    refused("algorithm_not_accepted", () => under(fixtures, "pssRoot", "pssClient"));
  },
  "verifyTrust() refuses a key on another curve": (fixtures) => {
    // If the runtime does not know the curve, the runtime cannot read the certificate at all.
    assert.throws(
      () => chain(fixtures, "secp256k1Client"),
      ({ code }: { code: string }) => ["algorithm_not_accepted", "certificate_malformed"].includes(code),
    );
  },
  "verifyTrust() refuses a key that is not in the canonical encoding of its kind": (fixtures) => {
    const spelled = (run: () => unknown) =>
      assert.throws(run, ({ code }: { code: string }) =>
        // If the runtime does not know this encoding of the key, the runtime cannot read the certificate at all.
        ["algorithm_not_accepted", "certificate_malformed"].includes(code),
      );
    for (const name of ["explicitClient", "compressedClient", "hybridClient", "lowOrderClient"] as const) {
      spelled(() => chain(fixtures, name));
    }
    for (const name of ["rsaWithoutNullClient", "rsaOldNameClient"] as const) {
      spelled(() => under(fixtures, "rsaRoot", name));
    }
    spelled(() => chain(fixtures, "explicitCaClient", "explicitCa"));
    assert.equal(chain(fixtures, "direct").chainDepth, 1);
  },
  "compilePolicy() refuses an anchor whose key no signature can match": (fixtures) => {
    assert.match(
      problemsOf(() => under(fixtures, "pointlessRoot", "direct")).join(),
      /^\/anchors\/pointlessRoot: no signature can match the key of CN=Ed25519 Root/,
    );
  },
  "verifyTrust() refuses an RSA key whose exponent is 1": (fixtures) => {
    assert.throws(
      () => under(fixtures, "rsaRoot", "exponentOneClient"),
      ({ code }: { code: string }) => ["algorithm_not_accepted", "certificate_malformed"].includes(code),
    );
  },
};
