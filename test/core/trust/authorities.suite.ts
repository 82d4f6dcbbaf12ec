// Tests intermediates of the policy. They complete a path that the sender left incomplete, but they prove nothing by themselves.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { vouchedIntermediates } from "../../../core/trust/authorities.ts";
import { findPath } from "../../../core/trust/path.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  type PolicyParts,
  pemOf,
  policyDocument,
  present,
  problemsOf,
  refused,
} from "../../support/scenes/certificates.ts";
import { expectFindings, findingsOf, spoiled } from "../../support/scenes/inspection.ts";

/** Returns a policy with one sender. The certificates `names` are the `intermediates` of the policy. */
function knowing(fixtures: Fixtures, names: readonly CertificateName[], parts: PolicyParts = {}) {
  const intermediates = Object.fromEntries(names.map((name) => [name, pemOf(fixtures.certificates[name])]));
  return compilePolicy({ ...policyDocument(fixtures, parts), intermediates });
}

function clientOf({ certificates }: Fixtures, leaf: CertificateName, ...intermediates: readonly CertificateName[]) {
  const others = intermediates.map((name) => certificates[name]);
  return parseClientCertificate({ leaf: certificates[leaf], intermediates: others, platform: undefined });
}

const depthOf = ({ proofs }: ReturnType<typeof present>) => [...proofs.values()][0]?.chainDepth;

export const cases: Cases = {
  "verifyTrust() completes a path with intermediates of the policy and presented ones": (fixtures) => {
    const policy = knowing(fixtures, ["depth3", "depth1", "depth2"]);
    for (const intermediates of [[], ["depth3"], ["depth2"], ["depth1"], ["depth3", "depth2", "depth1"]] as const)
      assert.equal(depthOf(present(fixtures, { leaf: "depth3Client", intermediates }, policy)), 4);
    assert.equal(depthOf(present(fixtures, { leaf: "direct" }, policy)), 1);
  },
  "verifyTrust() counts intermediates of the policy against maxChainDepth": (fixtures) => {
    const parts = { trust: { maxChainDepth: 3 } };
    const policy = knowing(fixtures, ["depth1", "depth2", "depth3"], parts);
    refused("chain_too_deep", () => present(fixtures, { leaf: "depth3Client" }, policy));
  },
  "verifyTrust() uses no intermediate of the policy for which no anchor vouches, whoever presents the missing one": (
    fixtures,
  ) => {
    const alone = knowing(fixtures, ["depth3"]);
    refused("issuer_unknown", () => present(fixtures, { leaf: "depth3Client" }, alone));
    refused("issuer_unknown", () => present(fixtures, { leaf: "client" }, alone));
    // The policy contains `depth3`, but not the issuers of `depth3`. Even if the sender presents these issuers, no path may use
    // the `depth3` of the policy.
    const presented = { leaf: "depth3Client", intermediates: ["depth1", "depth2"] } as const;
    refused("issuer_unknown", () => present(fixtures, presented, alone));
    const policy = knowing(fixtures, ["intermediate"], { anchors: ["stranger"] });
    assert.deepEqual(policy.anchors[0]?.intermediates, []);
    refused("issuer_unknown", () => present(fixtures, { leaf: "client" }, policy));
  },
  "verifyTrust() does not end a path at an intermediate of the policy": (fixtures) => {
    const policy = knowing(fixtures, ["root"], { anchors: ["stranger"] });
    refused("issuer_unknown", () => present(fixtures, { leaf: "direct" }, policy));
  },
  "verifyTrust() refuses a path with an intermediate of the policy that is denied or not valid now": (fixtures) => {
    const { sha256, spkiSha256, notAfter } = parseCertificate(fixtures.certificates.intermediate);
    for (const entry of [{ sha256 }, { spkiSha256 }]) {
      const policy = knowing(fixtures, ["intermediate"], { deny: [entry] });
      refused("certificate_denied", () => present(fixtures, { leaf: "client" }, policy));
    }
    const policy = knowing(fixtures, ["intermediate"]);
    assert.equal(depthOf(present(fixtures, { leaf: "client", now: fixtures.now }, policy)), 2);
    const isLast = notAfter >= parseCertificate(fixtures.certificates.client).notAfter;
    const code = isLast ? "certificate_expired" : "issuer_not_in_date";
    refused(code, () => present(fixtures, { leaf: "client", now: notAfter + 1 }, policy));
  },
  "findPath() finds the same path again, and does not use the intermediates of another anchor": (fixtures) => {
    const client = clientOf(fixtures, "client");
    const limits = { maxChainDepth: 4, deny: { holds: () => false }, lists: NO_LISTS, now: fixtures.now };
    const { anchors } = knowing(fixtures, ["intermediate"]);
    for (let round = 0; round < 2; round += 1) assert.equal(findPath(client, anchors, limits).issuers.length, 2);
    const without = knowing(fixtures, []).anchors;
    refused("issuer_unknown", () => findPath(client, without, limits));
  },
  "vouchedIntermediates() returns presented intermediates, and none that the policy has": (fixtures) => {
    const { anchors } = knowing(fixtures, ["depth1", "depth2", "depth3"]);
    const names = (...presented: CertificateName[]) =>
      vouchedIntermediates(clientOf(fixtures, "depth3Client", ...presented), anchors).map(({ base64 }) => base64);
    assert.deepEqual(names(), []);
    // The sender presents `depth3`, which an intermediate of the policy certified.
    assert.deepEqual(names("depth3", "stranger"), [fixtures.certificates.depth3]);
  },
  "compilePolicy() keeps for each anchor the intermediates for which it vouches, in any number of steps": (
    fixtures,
  ) => {
    const names = ["depth2", "depth1", "depth3", "stranger"] as const;
    const policy = knowing(fixtures, names, { anchors: ["root", "depth2"] });
    assert.deepEqual(
      policy.intermediates.map(({ name }) => name),
      names,
    );
    const found = policy.anchors.map(({ intermediates }) =>
      intermediates.map(({ subjectText }) => subjectText.split(",")[0]),
    );
    assert.deepEqual(found, [["CN=Depth 1", "CN=Depth 2", "CN=Depth 3"], ["CN=Depth 3"]]);
    assert.deepEqual(compilePolicy(policyDocument(fixtures)).intermediates, []);
  },
  "compilePolicy() refuses an intermediate that is not a CA certificate": (fixtures) => {
    const document = policyDocument(fixtures);
    const problems = (intermediates: unknown) => problemsOf(() => compilePolicy({ ...document, intermediates }));
    assert.match(
      problems({ mine: pemOf(fixtures.certificates.client) })[0] ?? "",
      /^\/intermediates\/mine: .*is not a CA/,
    );
    assert.deepEqual(problems({ mine: "mine.pem" }), ["/intermediates/mine: not exactly one certificate in PEM"]);
    assert.equal(problems({ "a b": pemOf(fixtures.certificates.depth1) }).length, 1);
  },
  "inspectPolicy() reports intermediates that complete no path": (fixtures) => {
    const { certificates } = fixtures;
    const mine = (name: CertificateName) => [["intermediates"], { mine: pemOf(certificates[name]) }] as const;
    expectFindings(fixtures, [mine("depth1")]);
    expectFindings(fixtures, [mine("depth2")], "error /intermediates/mine");
    expectFindings(fixtures, [mine("root")], "warning /intermediates/mine");
    const twice = { one: pemOf(certificates.depth1), two: pemOf(certificates.depth1) };
    expectFindings(fixtures, [[["intermediates"], twice]], "warning /intermediates/two");
    const { sha256, notAfter, notBefore } = parseCertificate(certificates.depth1);
    const denied = findingsOf(spoiled(fixtures, [mine("depth1"), [["deny"], [{ sha256 }]]]), fixtures.now);
    assert.ok(
      denied.some(({ pointer, problem }) => pointer === "/intermediates/mine" && problem.startsWith("is denied")),
    );
    for (const [now, problem] of [
      [notAfter + 1, /^expired on/],
      [notBefore - 1, /^is not valid before/],
    ] as const) {
      const [found] = findingsOf(spoiled(fixtures, [mine("depth1")]), now).filter(
        ({ pointer }) => pointer === "/intermediates/mine",
      );
      assert.match(found?.problem ?? "", problem);
      assert.deepEqual([found?.severity, found?.cause], ["warning", "time"]);
    }
  },
};
