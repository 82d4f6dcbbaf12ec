// Tests which of several revocation lists applies to a certificate. Lists and certificates are real ones with a few changed facts.

import assert from "node:assert/strict";
import {
  checkRevocation,
  indexLists,
  isNewer,
  NO_LISTS,
  refuseListed,
  signerOnPath,
} from "../../../core/revocation/revocation.ts";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";
import { type Crl, parseCrl } from "../../../core/x509/crl.ts";
import { fromBase64 } from "../../support/certificates/der-edit.ts";
import { type Cases, type CertificateName, type Fixtures, refused } from "../../support/scenes/certificates.ts";

const REQUIRED = { sources: [], freshness: "require" } as const;

function makeScene({ certificates, crls, now }: Fixtures) {
  const certificate = (name: CertificateName, facts: Partial<Certificate> = {}): Certificate => ({
    ...parseCertificate(certificates[name]),
    ...facts,
  });
  const [root, leaf] = [certificate("root"), certificate("direct")];
  /** Makes a list with the root as its issuer. The root's key signed the list, and the list contains these serial numbers. */
  const list = (facts: Partial<Crl> = {}, ...serials: string[]): Crl => ({
    ...parseCrl(fromBase64(crls.root)),
    isSignedBy: ({ spkiSha256 }) => spkiSha256 === root.spkiSha256,
    lists: (serial) => serials.includes(serial),
    ...facts,
  });
  const check = (path: readonly Certificate[], lists: readonly Crl[], anchors: readonly Certificate[] = []) =>
    checkRevocation(path, REQUIRED, {
      lists: indexLists(lists),
      now,
      anchors: anchors.map((one) => ({ certificate: one })),
    });
  return { certificate, root, leaf, list, check, now };
}

export const cases: Cases = {
  "isNewer() compares the dates, and the numbers only of lists with the same date": (fixtures) => {
    const { list } = makeScene(fixtures);
    const at = (thisUpdate: number, number?: bigint) => list({ thisUpdate, number });
    assert.ok(isNewer(at(2), at(1)) && !isNewer(at(1), at(2)) && !isNewer(at(1, 9n), at(2, 1n)));
    assert.ok(isNewer(at(1, 2n), at(1, 1n)) && isNewer(at(1, 1n), at(1)) && !isNewer(at(1), at(1, 1n)));
    assert.ok(!isNewer(at(1, 1n), at(1, 1n)) && !isNewer(at(1), at(1)));
  },
  "checkRevocation() reads nothing if no list is required and none is loaded": (fixtures) => {
    const { root, leaf, now } = makeScene(fixtures);
    // The certificates are not even read in this case, so the test can pass undefined instead of certificates.
    assert.equal(
      checkRevocation([undefined as never, undefined as never], undefined, { lists: NO_LISTS, now }),
      undefined,
    );
    assert.equal(checkRevocation([leaf, root], undefined, { lists: NO_LISTS, now }), undefined);
  },
  "checkRevocation() refuses a certificate in a list, even if no list is required": (fixtures) => {
    const { root, leaf, list, now } = makeScene(fixtures);
    const lists = (...serials: string[]) => ({ lists: indexLists([list({}, ...serials)]), now });
    refused("certificate_revoked", () => checkRevocation([leaf, root], undefined, lists(leaf.serial)));
    assert.equal(checkRevocation([leaf, root], undefined, lists("1")), undefined);
    // A list of another issuer says nothing about the status of this certificate. No policy requires a status here, so nothing is
    // refused.
    const other = indexLists([list({ foldedIssuer: "other" })]);
    assert.equal(checkRevocation([leaf, root], undefined, { lists: other, now }), undefined);
  },
  "checkRevocation() accepts lists from the second of thisUpdate to that of nextUpdate": (fixtures) => {
    const { root, leaf, list, check, now } = makeScene(fixtures);
    assert.equal(check([leaf, root], [list({ thisUpdate: now, nextUpdate: now })]), undefined);
    for (const [facts, doubt] of [
      [{ thisUpdate: now + 1 }, /^not yet valid list \(thisUpdate 2027-01-01T00:00:01Z\)/],
      [{ thisUpdate: now, nextUpdate: now - 1 }, /^stale list/],
      [{ nextUpdate: now - 1 }, /^stale list \(nextUpdate 2026-12-31T23:59:59Z\)/],
    ] as const) {
      const { details } = refused("revocation_unknown", () => check([leaf, root], [list(facts)]));
      assert.match(String(details["list"]), doubt);
    }
  },
  "checkRevocation() accepts a list if the certificate names one of its distribution points": (fixtures) => {
    const { certificate, root, list, check } = makeScene(fixtures);
    const leaf = certificate("direct", { distributionPoints: ["b", "c"] });
    for (const [points, isCovered] of [
      [["a", "b"], true],
      [["b"], true],
      [["a"], false],
      [[], false],
    ] as const) {
      const ofPoints = list({ distributionPoints: points }, leaf.serial);
      refused(isCovered ? "certificate_revoked" : "revocation_unknown", () => check([leaf, root], [ofPoints]));
    }
  },
  "checkRevocation() accepts lists that another key with the issuer's name signed, on the path or among the anchors": (
    fixtures,
  ) => {
    const { certificate, root, leaf, list, check } = makeScene(fixtures);
    const by = (spki: string, ...serials: string[]) =>
      list({ isSignedBy: ({ spkiSha256 }) => spkiSha256 === spki }, ...serials);
    const facts = { spkiSha256: "other" };
    const other = certificate("root", facts);
    assert.equal(check([leaf, root, other], [by("other")]), undefined);
    assert.equal(check([leaf, root], [by("other")], [other]), undefined);
    refused("certificate_revoked", () => check([leaf, root], [by("other", leaf.serial)], [other]));
    const noSigner = { keyUsage: { digitalSignature: true, keyCertSign: true, cRLSign: false } };
    for (const nobody of [
      certificate("root", { ...facts, foldedSubject: "another name" }),
      certificate("root", { ...facts, ...noSigner }),
    ]) {
      refused("revocation_unknown", () => check([leaf, root], [by("other")], [nobody]));
    }
    // If a certificate has no key usage, its key may be used for everything.
    assert.equal(
      check([leaf, root], [by("other")], [certificate("root", { ...facts, keyUsage: undefined })]),
      undefined,
    );
    // The leaf itself cannot sign a list, even if the leaf has the name of its issuer.
    const named = certificate("direct", { ...facts, foldedSubject: root.foldedSubject, keyUsage: undefined });
    refused("revocation_unknown", () => check([named, root], [by("other")]));
  },
  "checkRevocation() refuses a certificate that the issuer's own key revoked, even if it may not sign lists": (
    fixtures,
  ) => {
    const { certificate, leaf, list, check } = makeScene(fixtures);
    const issuer = certificate("root", { keyUsage: { digitalSignature: true, keyCertSign: true, cRLSign: false } });
    refused("certificate_revoked", () => check([leaf, issuer], [list({}, leaf.serial)]));
    const { details } = refused("revocation_unknown", () => check([leaf, issuer], [list()]));
    assert.match(String(details["list"]), /^no cRLSign in the key usage of CN=Root,/);
  },
  "signerOnPath() returns the certificate whose signature of a list was verified, the issuer before others": (
    fixtures,
  ) => {
    const { certificate, root, leaf, list, check } = makeScene(fixtures);
    const [own, unsigned, unseen] = [list(), list({ isSignedBy: () => false }), list()];
    check([leaf, root], [own, unsigned], [certificate("root")]);
    assert.equal(signerOnPath(own), root);
    assert.deepEqual([signerOnPath(unsigned), signerOnPath(unseen)], [undefined, undefined]);
    // On this path, a copy of the root's certificate comes before the root itself. The root is the issuer of the copy. The root is
    // returned as the signer of the list, although the copy has the same key and comes first.
    check([leaf, certificate("root"), root], [unseen]);
    assert.equal(signerOnPath(unseen), root);
  },
  "checkRevocation() needs no anchors to report that nobody signed a list": (fixtures) => {
    const { root, leaf, list, now } = makeScene(fixtures);
    const lists = indexLists([list({ isSignedBy: () => false })]);
    const { details } = refused("revocation_unknown", () => checkRevocation([leaf, root], REQUIRED, { lists, now }));
    assert.match(String(details["list"]), /^list without the signature of CN=Root,/);
  },
  "refuseListed() uses the newest list of the issuer's own key that covers the certificate": (fixtures) => {
    const { root, leaf, list, now } = makeScene(fixtures);
    const refuse = (...lists: Crl[]) => refuseListed(leaf, root, indexLists(lists), 3);
    const { details } = refused("certificate_revoked", () => refuse(list({}, leaf.serial)));
    assert.deepEqual((details["revoked"] as { depth: number }).depth, 3);
    refuse();
    refuse(list({ foldedIssuer: "other" }, leaf.serial));
    refuse(list({ isSignedBy: () => false }, leaf.serial));
    refuse(list({ distributionPoints: ["other"] }, leaf.serial));
    refuse(list({ thisUpdate: now - 9 }, leaf.serial), list({ thisUpdate: now - 5 }));
    refused("certificate_revoked", () =>
      refuse(
        list({ thisUpdate: now - 9 }, leaf.serial),
        list({ thisUpdate: now - 5, isSignedBy: () => false }),
        list({ thisUpdate: now - 4, distributionPoints: ["other"] }),
      ),
    );
  },
};
