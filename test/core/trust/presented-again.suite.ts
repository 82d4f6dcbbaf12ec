// Tests certificates that are presented again. Facts that cannot change are not computed again. Everything else is checked again.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { indexLists, NO_LISTS } from "../../../core/revocation/revocation.ts";
import { vouchedIntermediates } from "../../../core/trust/authorities.ts";
import { findPath, type PathLimits } from "../../../core/trust/path.ts";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";
import { parseCrl } from "../../../core/x509/crl.ts";
import { fromBase64 } from "../../support/certificates/der-edit.ts";
import {
  type Cases,
  type CertificateName,
  type Fixtures,
  pemOf,
  policyDocument,
  present,
  refused,
} from "../../support/scenes/certificates.ts";

const NOBODY: PathLimits["deny"] = { holds: () => false };

/**
 * Makes the client, an intermediate and the root as new objects, so that nothing about them is cached. Counts how often a signature
 * is verified.
 */
function makeScene({ certificates, now }: Fixtures) {
  let looked = 0;
  const make = (name: CertificateName, facts: Partial<Certificate> = {}): Certificate => ({
    ...parseCertificate(certificates[name]),
    isSignedBy() {
      looked += 1;
      return true;
    },
    ...facts,
  });
  const limits: PathLimits = { maxChainDepth: 4, deny: NOBODY, lists: NO_LISTS, now };
  return {
    make,
    limits,
    leaf: make("client"),
    intermediate: make("intermediate"),
    anchors: [{ name: "root", certificate: make("root"), certifiers: [], intermediates: [], revocation: undefined }],
    /** Calls `run`. Returns how many signatures are verified during the call. */
    counted(run: () => unknown): number {
      looked = 0;
      run();
      return looked;
    },
  };
}

type Scene = ReturnType<typeof makeScene>;

const clientOf = (leaf: Certificate, ...intermediates: Certificate[]) => ({ leaf, intermediates, platform: undefined });

/**
 * Searches for a path once, so that the result is cached. The returned function `again` searches under other limits, with a new
 * client object that has the same certificates.
 */
function askAgain({ leaf, intermediate, anchors, limits }: Scene) {
  const first = findPath(clientOf(leaf, intermediate), anchors, limits);
  const again = (changes: Partial<PathLimits>) =>
    findPath(clientOf(leaf, intermediate), anchors, { ...limits, ...changes });
  return { first, again };
}

export const cases: Cases = {
  "findPath() finds the same path again without verifying a signature": (fixtures) => {
    const scene = makeScene(fixtures);
    const { first, again } = askAgain(scene);
    assert.equal(first.anchor, scene.anchors[0]);
    assert.deepEqual(first.issuers, [scene.intermediate, scene.anchors[0]?.certificate]);
    assert.equal(
      scene.counted(() => assert.deepEqual(again({}), first)),
      0,
    );
  },
  "findPath() finds the same path again without verifying a signature, up to the depth of the trust and with lists": (
    fixtures,
  ) => {
    const scene = makeScene(fixtures);
    const { first, again } = askAgain(scene);
    const lists = indexLists([parseCrl(fromBase64(fixtures.crls.stranger))]);
    for (const changes of [{ maxChainDepth: 2 }, { lists }]) {
      assert.equal(
        scene.counted(() => assert.deepEqual(again(changes), first)),
        0,
      );
    }
  },
  "findPath() checks the dates of each issuer of a path again": (fixtures) => {
    for (const name of ["intermediate", "root"] as const) {
      const scene = makeScene(fixtures);
      const short = scene.make(name, { notBefore: fixtures.now - 10, notAfter: fixtures.now + 10 });
      const changed =
        name === "root"
          ? {
              anchors: [{ name: "root", certificate: short, certifiers: [], intermediates: [], revocation: undefined }],
            }
          : { intermediate: short };
      const { first, again } = askAgain({ ...scene, ...changed });
      for (const now of [fixtures.now - 11, fixtures.now + 11]) refused("issuer_not_in_date", () => again({ now }));
      for (const now of [fixtures.now - 10, fixtures.now + 10]) assert.deepEqual(again({ now }), first);
    }
  },
  "findPath() asks again for each issuer whether it is denied, with the authorities for which an anchor vouches": (
    fixtures,
  ) => {
    const scene = makeScene(fixtures);
    const { first, again } = askAgain(scene);
    for (const denied of first.issuers) {
      refused("certificate_denied", () => again({ deny: { holds: (issuer) => issuer === denied } }));
    }
    const asked: unknown[] = [];
    const holds: PathLimits["deny"]["holds"] = (issuer, certified) => asked.push([issuer, certified]) === 0;
    assert.deepEqual(again({ deny: { holds } }), first);
    assert.deepEqual(
      asked,
      first.issuers.map((issuer) => [issuer, [scene.intermediate]]),
    );
  },
  "findPath() measures the depth of a path again": (fixtures) => {
    const { first, again } = askAgain(makeScene(fixtures));
    assert.deepEqual(again({ maxChainDepth: 2 }), first);
    refused("chain_too_deep", () => again({ maxChainDepth: 1 }));
  },
  "verifyTrust() compares a known path with the lists that are loaded now": (fixtures) => {
    const { certificates, crls } = fixtures;
    const anchor = {
      certificate: pemOf(certificates.root),
      crls: { sources: ["http://crl.example/"], freshness: "require" },
    };
    const policy = compilePolicy({ ...policyDocument(fixtures), anchors: { root: anchor } });
    const proveWith = (...names: (keyof typeof crls)[]) => {
      const lists = indexLists(names.map((name) => parseCrl(fromBase64(crls[name]))));
      return present(fixtures, { leaf: "client", intermediates: ["intermediate"], lists }, policy);
    };
    for (let round = 0; round < 2; round += 1) {
      proveWith("root", "intermediate");
      refused("certificate_revoked", () => proveWith("root", "intermediateRevokesClient"));
      refused("certificate_revoked", () => proveWith("rootRevokesIntermediate", "intermediate"));
      refused("revocation_unknown", () => proveWith());
    }
  },
  "findPath() reuses nothing for other certificates, or under other anchors": (fixtures) => {
    const scene = makeScene(fixtures);
    const { leaf, intermediate, anchors, limits, make } = scene;
    const { again } = askAgain(scene);
    refused("issuer_unknown", () => findPath(clientOf(leaf), anchors, limits));
    const other = make("intermediate", { isCa: false });
    refused("issuer_not_ca", () => findPath(clientOf(leaf, other), anchors, limits));
    const stranger = [
      { name: "root", certificate: make("stranger"), certifiers: [], intermediates: [], revocation: undefined },
    ];
    refused("issuer_unknown", () => findPath(clientOf(leaf, intermediate), stranger, limits));
    assert.equal(
      scene.counted(() => again({})),
      0,
    );
    findPath(clientOf(leaf, intermediate, make("depth1")), anchors, limits);
    assert.ok(scene.counted(() => again({})) > 0, "of a leaf the last are kept");
    assert.equal(
      scene.counted(() => again({})),
      0,
    );
  },
  "findPath() returns the path that a search would find, whatever was found before": (fixtures) => {
    const scene = makeScene(fixtures);
    const { leaf, make, anchors, limits } = scene;
    const { now } = fixtures;
    const [late, usual] = [
      make("intermediate", { spkiSha256: "late", notBefore: now + 1 }),
      make("intermediate", { spkiSha256: "usual" }),
    ];
    const issuerAt = (time: number) => findPath(clientOf(leaf, late, usual), anchors, { ...limits, now: time });
    for (let round = 0; round < 2; round += 1) {
      assert.equal(issuerAt(now).issuers[0], usual);
      assert.equal(issuerAt(now + 1).issuers[0], late);
    }
  },
  "findPath() uses another anchor if the list of one is missing, but not if a list revokes": (fixtures) => {
    const { certificates, crls } = fixtures;
    const scene = makeScene(fixtures);
    const certificate = parseCertificate(certificates.root);
    const revocation = { sources: [], freshness: "require" } as const;
    const anchors = [
      { name: "listed", certificate, certifiers: [], intermediates: [], revocation },
      { name: "plain", certificate, certifiers: [], intermediates: [], revocation: undefined },
    ];
    const leaf = { ...parseCertificate(certificates.direct) };
    const find = (list: keyof typeof crls) => {
      const lists = indexLists([parseCrl(fromBase64(crls[list]))]);
      return findPath(clientOf(leaf), anchors, { ...scene.limits, lists }).anchor.name;
    };
    for (let round = 0; round < 2; round += 1) {
      assert.equal(find("stranger"), "plain");
      refused("certificate_revoked", () => find("rootRevokesDirect"));
      assert.equal(find("root"), "listed");
    }
  },
  "a path is searched again if a signature on the way to it was wrong": (fixtures) => {
    const scene = makeScene(fixtures);
    const { leaf, intermediate, make, anchors, limits } = scene;
    const wrong = make("intermediate", { spkiSha256: "wrong", isSignedBy: () => false });
    const find = () => findPath(clientOf(leaf, wrong, intermediate), anchors, limits);
    assert.equal(find().issuers[0], intermediate);
    assert.ok(scene.counted(find) > 0);
  },
  "vouchedIntermediates() finds the same again without verifying a signature, in addition to a path": (fixtures) => {
    const scene = makeScene(fixtures);
    const { leaf, intermediate, anchors, make, limits } = scene;
    const client = () => clientOf(leaf, intermediate, make("depth1"));
    const own = client();
    const find = () => vouchedIntermediates({ ...own }, anchors);
    assert.deepEqual(find(), [intermediate]);
    findPath(own, anchors, limits);
    const looked = scene.counted(() => {
      assert.deepEqual(find(), [intermediate]);
      findPath({ ...own, intermediates: [...own.intermediates] }, anchors, limits);
      assert.deepEqual(find(), [intermediate]);
    });
    assert.equal(looked, 0);
    assert.ok(scene.counted(() => vouchedIntermediates(client(), anchors)) > 0, "another certificate");
    assert.deepEqual(vouchedIntermediates(own, []), []);
  },
};
