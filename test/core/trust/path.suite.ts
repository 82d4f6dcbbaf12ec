// Tests certification paths (RFC 5280 §6): which certificate signed which other one, up to an anchor of the policy.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { Refusal } from "../../../core/refusal.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { IssuedSignatures } from "../../../core/trust/issued-signatures.ts";
import { findPath } from "../../../core/trust/path.ts";
import { verifyTrust } from "../../../core/trust/verify.ts";
import { MAX_INTERMEDIATES } from "../../../core/wire.ts";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  policyDocument,
  prove,
  refused,
} from "../../support/scenes/certificates.ts";

const SAME = ["same0", "same1", "same2", "same3", "same4", "same5", "same6", "same7", "same8", "same9"] as const;
const at = (text: string) => Date.parse(text) / 1000;

/** Proves a client below `root`, which is the default anchor. */
const chain = (fixtures: Fixtures, leaf: CertificateName, ...intermediates: CertificateName[]) =>
  prove(fixtures, { leaf, intermediates });

const limitsOf = ({ now }: Fixtures) => ({
  maxChainDepth: MAX_INTERMEDIATES,
  deny: { holds: () => false },
  lists: NO_LISTS,
  now,
});

/**
 * Makes a client certificate and ten authorities. The name of each authority is the issuer name of the client certificate. Records
 * which certificate was verified with which key.
 */
function countSignatures({ certificates }: Fixtures, anchor: CertificateName) {
  const pairs = new Set<string>();
  const names = new Map<string, string>([[parseCertificate(certificates[anchor]).sha256, "anchor"]]);
  const counted = (name: CertificateName): Certificate => {
    const certificate = parseCertificate(certificates[name]);
    return {
      ...certificate,
      isSignedBy(issuer) {
        pairs.add(`${name} by ${names.get(issuer.sha256) ?? issuer.sha256}`);
        return certificate.isSignedBy(issuer);
      },
    };
  };
  const client = { leaf: counted("sameClient"), intermediates: SAME.map(counted), platform: undefined };
  const anchors = [
    { name: "anchor", certificate: counted(anchor), certifiers: [], intermediates: [], revocation: undefined },
  ];
  return { client, anchors, pairs };
}

export const cases: Cases = {
  "verifyTrust() proves a client directly under the anchor": (fixtures) => {
    assert.deepEqual(chain(fixtures, "direct"), { anchor: "root", chainDepth: 1 });
  },
  "verifyTrust() proves a client under intermediates in any order": (fixtures) => {
    assert.equal(chain(fixtures, "depth3Client", "depth3", "depth2", "depth1").chainDepth, 4);
    assert.equal(chain(fixtures, "depth3Client", "depth1", "depth3", "depth2").chainDepth, 4);
    assert.equal(chain(fixtures, "depth3Client", "depth1", "depth2", "depth3").chainDepth, 4);
  },
  "verifyTrust() ignores certificates that do not belong to the path": (fixtures) => {
    const proof = chain(fixtures, "client", "stranger", "depth1", "intermediate", "root", "client", "intermediate");
    assert.deepEqual(proof, { anchor: "root", chainDepth: 2 });
  },
  "verifyTrust() names the anchor that proved it": (fixtures) => {
    const proof = prove(fixtures, { leaf: "strangersClient" }, { anchors: ["root", "stranger"] });
    assert.deepEqual(proof, { anchor: "stranger", chainDepth: 1 });
  },
  "verifyTrust() refuses a client whose intermediate was not sent": (fixtures) => {
    refused("issuer_unknown", () => chain(fixtures, "client"));
    refused("issuer_unknown", () => chain(fixtures, "client", "depth1"));
    refused("issuer_unknown", () => chain(fixtures, "depth3Client", "depth3", "depth1"));
  },
  "verifyTrust() refuses a client of an authority that is not an anchor, even if the client presents it": (
    fixtures,
  ) => {
    refused("issuer_unknown", () => chain(fixtures, "strangersClient"));
    refused("issuer_unknown", () => chain(fixtures, "strangersClient", "stranger"));
    refused("issuer_unknown", () => chain(fixtures, "strangersClient", "stranger", "root"));
  },
  "verifyTrust() refuses a client of another authority with the anchor's name": (fixtures) => {
    refused("issuer_unknown", () => chain(fixtures, "rootTwinClient"));
    refused("signature_invalid", () => chain(fixtures, "rootTwinClient", "rootTwin"));
  },
  "verifyTrust() refuses a client of a CA with the anchor's name, even if both CAs have no key identifiers": (
    fixtures,
  ) => {
    assert.equal(prove(fixtures, { leaf: "plainClient" }, { anchors: ["plainRoot"] }).chainDepth, 1);
    const refuse = (intermediates: CertificateName[]) =>
      refused("signature_invalid", () =>
        prove(fixtures, { leaf: "plainClient", intermediates }, { anchors: ["plainTwin"] }),
      );
    refuse([]);
    refuse(["plainRoot"]);
  },
  "verifyTrust() finds the right one of two anchors with the same name": (fixtures) => {
    const proof = prove(fixtures, { leaf: "plainClient" }, { anchors: ["plainTwin", "plainRoot"] });
    assert.equal(proof.anchor, "plainRoot");
    assert.equal(chain(fixtures, "clientWithoutKeyIds").anchor, "root");
  },
  "verifyTrust() does not accept an issuer without a name": (fixtures) => {
    refused("issuer_unknown", () => chain(fixtures, "namelessCaClient", "namelessCa"));
  },
  "verifyTrust() refuses a client that a client signed": (fixtures) => {
    refused("issuer_not_ca", () => chain(fixtures, "underLeaf", "direct"));
  },
  "verifyTrust() refuses a CA certificate as a client": (fixtures) => {
    refused("certificate_is_ca", () => chain(fixtures, "intermediate"));
    refused("certificate_is_ca", () => chain(fixtures, "root"));
  },
  "verifyTrust() refuses a certificate outside its validity, which includes both ends": (fixtures) => {
    const { notBefore, notAfter } = parseCertificate(fixtures.certificates.direct);
    const proveAt = (now: number) => prove(fixtures, { leaf: "direct", now });
    assert.equal(proveAt(notBefore).chainDepth, 1);
    assert.equal(proveAt(notAfter).chainDepth, 1);
    refused("certificate_not_yet_valid", () => proveAt(notBefore - 1));
    refused("certificate_expired", () => proveAt(notAfter + 1));
  },
  "verifyTrust() refuses a path with an intermediate that is not valid now": (fixtures) => {
    const proveAt = (text: string) =>
      prove(fixtures, { leaf: "shortIntermediateClient", intermediates: ["shortIntermediate"], now: at(text) });
    assert.equal(proveAt("2027-01-01").chainDepth, 2);
    refused("issuer_not_in_date", () => proveAt("2026-05-31T23:59:59Z"));
    refused("issuer_not_in_date", () => proveAt("2027-06-01T00:00:01Z"));
  },
  "verifyTrust() refuses a path to an anchor that is not valid now": (fixtures) => {
    const proveAt = (text: string) =>
      prove(fixtures, { leaf: "shortRootClient", now: at(text) }, { anchors: ["shortRoot"] });
    assert.equal(proveAt("2027-01-01").chainDepth, 1);
    refused("issuer_not_in_date", () => proveAt("2026-05-31"));
    refused("issuer_not_in_date", () => proveAt("2027-06-02"));
  },
  "verifyTrust() applies the path length of every issuer": (fixtures) => {
    assert.equal(chain(fixtures, "limitedClient", "limited").chainDepth, 2);
    assert.equal(chain(fixtures, "limitedToOneSubClient", "limitedToOneSub", "limitedToOne").chainDepth, 3);
    refused("path_length_exceeded", () => chain(fixtures, "limitedSubClient", "limitedSub", "limited"));
  },
  "verifyTrust() does not count a self-issued certificate against the path length": (fixtures) => {
    assert.equal(chain(fixtures, "limitedNewClient", "limitedNew", "limited").chainDepth, 3);
  },
  "verifyTrust() refuses a path with more CA certificates than maxChainDepth": (fixtures) => {
    const intermediates = ["depth4", "depth3", "depth2", "depth1"] as const;
    refused("chain_too_deep", () => chain(fixtures, "depth4Client", ...intermediates));
    const deeper = prove(fixtures, { leaf: "depth4Client", intermediates }, { trust: { maxChainDepth: 5 } });
    assert.equal(deeper.chainDepth, 5);
    refused("chain_too_deep", () =>
      prove(fixtures, { leaf: "client", intermediates: ["intermediate"] }, { trust: { maxChainDepth: 1 } }),
    );
  },
  "verifyTrust() proves clients of a root's old and new key": (fixtures) => {
    assert.deepEqual(chain(fixtures, "rootNewClient", "rootNewByOld"), { anchor: "root", chainDepth: 2 });
    refused("issuer_unknown", () => chain(fixtures, "rootNewClient"));
    const anchors = ["root", "rootNew"] as const;
    for (const leaf of ["rootNewClient", "direct"] as const) {
      const proof = prove(fixtures, { leaf, intermediates: ["rootNewByOld", "rootNew"] }, { anchors });
      assert.deepEqual(proof, { anchor: leaf === "direct" ? "root" : "rootNew", chainDepth: 1 });
    }
  },
  "verifyTrust() ends if authorities certify each other": (fixtures) => {
    refused("issuer_unknown", () => chain(fixtures, "loopClient", "loopAByB", "loopBByA"));
    assert.equal(chain(fixtures, "loopClient", "loopBByA", "loopAByB", "loopBByRoot").chainDepth, 3);
  },
  "findPath() verifies no signature between certificates for which no anchor vouches": (fixtures) => {
    const { client, anchors, pairs } = countSignatures(fixtures, "sameAnchor");
    assert.throws(() => findPath(client, anchors, limitsOf(fixtures)), Refusal);
    // All these certificates name the anchor as their issuer. So the signature of each certificate is verified once, with the
    // anchor's key.
    assert.equal(pairs.size, SAME.length + 1);
    assert.ok([...pairs].every((pair) => pair.endsWith("by anchor")));
  },
  "findPath() verifies a limited number of signatures below an anchor that vouches for authorities of the same name": (
    fixtures,
  ) => {
    const { client, anchors, pairs } = countSignatures(fixtures, "same9");
    assert.throws(() => findPath(client, anchors, { ...limitsOf(fixtures), maxChainDepth: 1 }), Refusal);
    assert.ok(pairs.size > SAME.length && pairs.size <= 40, `${pairs.size} signatures`);
  },
  "verifyTrust() verifies only a few wrong signatures of slow keys, for all trusts together": (fixtures) => {
    const document = policyDocument(fixtures, { anchors: ["p384Root"] });
    const depths = [1, 2, 3, 4, 5].map((maxChainDepth) => [
      `sender-${maxChainDepth}`,
      { ...document.senders.sender, trust: { anchors: ["p384Root"], maxChainDepth } },
    ]);
    const policy = compilePolicy({
      ...document,
      senders: Object.fromEntries(depths),
      routes: { "/hooks": { senders: depths.map(([name]) => name), methods: ["POST"] } },
    });
    let verified = 0;
    const wrong = (name: CertificateName): Certificate => ({
      ...parseCertificate(fixtures.certificates[name]),
      isSignedBy() {
        verified += 1;
        return false;
      },
    });
    const client = { leaf: wrong("p384Client"), intermediates: SAME.map(() => wrong("p384Root")), platform: undefined };
    refused("signature_invalid", () => verifyTrust(client, policy.senders, limitsOf(fixtures)));
    assert.equal(verified, 2);
  },
  "IssuedSignatures verifies each pair once, and stops at the limit of their cost": ({ certificates }) => {
    let looked = 0;
    const made = (name: CertificateName, isRight: boolean): Certificate => ({
      ...parseCertificate(certificates[name]),
      isSignedBy() {
        looked += 1;
        return isRight;
      },
    });
    const lookedAt = (issuerName: CertificateName, isRight: boolean, pairs: number) => {
      const signatures = new IssuedSignatures();
      looked = 0;
      const subjects = Array.from({ length: pairs }, () => made("direct", isRight));
      const issuer = made(issuerName, true);
      for (let again = 0; again < 2; again += 1) {
        for (const [index, one] of subjects.entries())
          assert.equal(signatures.holds(one, issuer), isRight && index < looked);
      }
      return looked;
    };
    assert.equal(lookedAt("root", true, 121), 120);
    assert.equal(lookedAt("root", false, 121), 20);
    assert.equal(lookedAt("p384Root", true, 121), 12);
    assert.equal(lookedAt("p384Root", false, 121), 2);
    const signatures = new IssuedSignatures();
    const [one, right, wrong] = [made("direct", false), made("direct", true), made("root", true)];
    assert.deepEqual([signatures.holds(one, wrong), signatures.holds(right, wrong)], [false, true]);
    assert.deepEqual([signatures.holds(one, wrong), signatures.holds(right, wrong)], [false, true]);
  },
  "verifyTrust() searches once for all senders with the same trust": (fixtures) => {
    const document = policyDocument(fixtures);
    const senders = Array.from({ length: 50 }, (_, index) => [`sender-${index}`, document.senders.sender]);
    const deeper = { ...document.senders.sender, trust: { anchors: ["root"], maxChainDepth: 3 } };
    const policy = compilePolicy({
      ...document,
      senders: Object.fromEntries([...senders, ["deeper", deeper]]),
      routes: { "/hooks": { senders: [...senders.map(([name]) => name), "deeper"], methods: ["POST"] } },
    });
    let searches = 0;
    // Counts the searches. Each search calls this function once with the issuer, which is a CA. The function is also called once
    // with the leaf, but this call is not counted, because the leaf is no CA.
    const holds = ({ isCa }: Certificate) => {
      if (isCa) searches += 1;
      return false;
    };
    const client = { leaf: fixtures.certificates.direct, intermediates: [], platform: undefined };
    const { proofs } = verifyTrust(parseClientCertificate(client), policy.senders, {
      ...limitsOf(fixtures),
      deny: { holds },
    });
    assert.equal(proofs.size, 51);
    assert.equal(searches, 2);
  },
  "verifyTrust() proves a client through ten authorities of the same name, if the path is short": (fixtures) => {
    const proof = prove(
      fixtures,
      { leaf: "sameClient", intermediates: SAME },
      { anchors: ["same1"], trust: { maxChainDepth: 10 } },
    );
    assert.deepEqual(proof, { anchor: "same1", chainDepth: 2 });
  },
  "parseClientCertificate() refuses more intermediates than a path may need": (fixtures) => {
    refused("too_many_intermediates", () => chain(fixtures, "sameClient", ...SAME, "stranger"));
  },
  "verifyTrust() proves under the anchor itself if an intermediate repeats it": (fixtures) => {
    assert.deepEqual(chain(fixtures, "client", "intermediate", "root"), { anchor: "root", chainDepth: 2 });
  },
  "compilePolicy() accepts an intermediate as an anchor, and the path ends there": (fixtures) => {
    compilePolicy(policyDocument(fixtures, { anchors: ["intermediate"] }));
    const proof = prove(fixtures, { leaf: "client" }, { anchors: ["intermediate"] });
    assert.deepEqual(proof, { anchor: "intermediate", chainDepth: 1 });
    refused("issuer_unknown", () => prove(fixtures, { leaf: "direct" }, { anchors: ["intermediate"] }));
  },
};
