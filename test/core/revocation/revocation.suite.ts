// Tests the check of a certification path against the revocation lists that are loaded at the moment.

import assert from "node:assert/strict";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { indexLists } from "../../../core/revocation/revocation.ts";
import { parseCrl } from "../../../core/x509/crl.ts";
import { fromBase64 } from "../../support/certificates/der-edit.ts";
import {
  type Cases,
  type CertificateName,
  type CrlName,
  type Fixtures,
  type Presented,
  pemOf,
  policyDocument,
  present,
  refused,
} from "../../support/scenes/certificates.ts";

type Freshness = "require" | "prefer";

/**
 * Proves a client under `root` with this `freshness` and these revocation lists. Returns the doubt about revocation, if there is
 * one.
 */
function check(
  fixtures: Fixtures,
  freshness: Freshness,
  lists: readonly CrlName[],
  presented: Partial<Presented> = {},
): string | undefined {
  const { certificates, crls } = fixtures;
  const policy = compilePolicy({
    ...policyDocument(fixtures),
    anchors: { root: { certificate: pemOf(certificates.root), crls: { sources: ["http://crl.example/"], freshness } } },
  });
  const loaded = indexLists(lists.map((name) => parseCrl(fromBase64(crls[name]))));
  const { proofs } = present(fixtures, { leaf: "direct", lists: loaded, ...presented }, policy);
  const [proof] = proofs.values();
  assert.equal(proof?.anchor, "root");
  return proof?.revocation;
}

const CLIENT = { leaf: "client", intermediates: ["intermediate"] } as const;
const BOTH: readonly Freshness[] = ["require", "prefer"];

function revoked(
  fixtures: Fixtures,
  lists: readonly CrlName[],
  presented: Partial<Presented> = {},
  certificate?: CertificateName,
): void {
  for (const freshness of BOTH) {
    const { details } = refused("certificate_revoked", () => check(fixtures, freshness, lists, presented));
    if (certificate !== undefined) {
      const { subject } = details["revoked"] as { subject: string };
      assert.equal(subject, `CN=${certificate},O=Countersign Tests,C=US`);
    }
  }
}

/**
 * Checks what a doubt about revocation leads to. If the policy requires lists, the request is refused. If the policy prefers lists,
 * the request is accepted and the doubt is reported.
 */
function inDoubt(fixtures: Fixtures, doubt: RegExp, lists: readonly CrlName[], presented: Partial<Presented> = {}) {
  const { details } = refused("revocation_unknown", () => check(fixtures, "require", lists, presented));
  assert.match(String(details["list"]), doubt);
  assert.match(String(check(fixtures, "prefer", lists, presented)), doubt);
}

export const cases: Cases = {
  "verifyTrust() proves certificates that are not in current lists": (fixtures) => {
    for (const freshness of BOTH) {
      assert.equal(check(fixtures, freshness, ["root"]), undefined);
      assert.equal(check(fixtures, freshness, ["root", "intermediate"], CLIENT), undefined);
      assert.equal(check(fixtures, freshness, ["openssl"], { leaf: "clientWithoutKeyIds" }), undefined);
    }
  },
  "verifyTrust() refuses a leaf that is in its issuer's list": (fixtures) => {
    revoked(fixtures, ["rootRevokesDirect"]);
    revoked(fixtures, ["openssl"]);
    revoked(fixtures, ["root", "intermediateRevokesClient"], CLIENT);
  },
  "verifyTrust() refuses a path over a revoked intermediate": (fixtures) => {
    revoked(fixtures, ["rootRevokesIntermediate", "intermediate"], CLIENT, "Intermediate" as CertificateName);
    revoked(fixtures, ["rootRevokesIntermediate"], CLIENT);
  },
  "verifyTrust() finds a path with another certificate for the key of a revoked intermediate": (fixtures) => {
    const intermediates = ["intermediate", "intermediateAgain"] as const;
    const lists = ["rootRevokesIntermediate", "intermediate"] as const;
    for (const freshness of BOTH) check(fixtures, freshness, lists, { leaf: "client", intermediates });
  },
  "verifyTrust() compares a serial number only with lists of its own issuer": (fixtures) => {
    for (const freshness of BOTH) {
      check(fixtures, freshness, ["rootRevokesClientsSerial", "intermediate"], CLIENT);
      check(fixtures, freshness, ["root", "stranger"]);
    }
  },
  "verifyTrust() does not look up the anchor": (fixtures) => {
    for (const freshness of BOTH) check(fixtures, freshness, ["rootRevokesItself"]);
  },
  "verifyTrust() reports a missing list, of whichever issuer": (fixtures) => {
    inDoubt(fixtures, /^missing list of CN=Root,/, []);
    inDoubt(fixtures, /^missing list of CN=Root,/, ["stranger"]);
    inDoubt(fixtures, /^missing list of CN=Intermediate,/, ["root"], CLIENT);
    inDoubt(fixtures, /^missing list of CN=Root,/, ["intermediate"], CLIENT);
  },
  "verifyTrust() reports a list that has expired or is of the future, to the second": (fixtures) => {
    const { nextUpdate, thisUpdate } = parseCrl(fromBase64(fixtures.crls.root));
    for (const now of [thisUpdate, nextUpdate]) {
      assert.equal(check(fixtures, "require", ["root"], { now }), undefined);
    }
    inDoubt(fixtures, /^stale list \(nextUpdate 2027-01-08T00:00:00Z\) of CN=Root,/, ["root"], { now: nextUpdate + 1 });
    inDoubt(fixtures, /^not yet valid list \(thisUpdate .*\) of CN=Root,/, ["root"], { now: thisUpdate - 1 });
    inDoubt(fixtures, /^stale list/, ["rootStale"]);
    inDoubt(fixtures, /^not yet valid list/, ["rootFuture"]);
  },
  "verifyTrust() refuses a certificate in an expired list": (fixtures) => {
    revoked(fixtures, ["rootStaleRevokesDirect"]);
  },
  "verifyTrust() reports a revoked certificate before a missing list": (fixtures) => {
    revoked(fixtures, ["intermediateRevokesClient"], CLIENT);
  },
  "verifyTrust() ignores a list that no key of its issuer signed": (fixtures) => {
    inDoubt(fixtures, /^list without the signature of CN=Root,/, ["rootForged"]);
  },
  "verifyTrust() uses the good list if there is also one that its issuer did not sign": (fixtures) => {
    assert.equal(check(fixtures, "require", ["rootForged", "root"]), undefined);
    revoked(fixtures, ["rootForged", "rootRevokesDirect"]);
  },
  "verifyTrust() does not rely on a list of an issuer whose key usage lacks cRLSign": (fixtures) => {
    const presented = { leaf: "noCrlSignCaClient", intermediates: ["noCrlSignCa"] } as const;
    inDoubt(fixtures, /^no cRLSign .*CN=No CRL Sign,/, ["root", "noCrlSign"], presented);
    revoked(fixtures, ["root", "noCrlSignRevokes"], presented);
    const open = { leaf: "noKeyUsageCaClient", intermediates: ["noKeyUsageCa"] } as const;
    inDoubt(fixtures, /^missing list of CN=No Key Usage,/, ["root"], open);
  },
  "verifyTrust() uses the list of another key of the issuer, if a certificate on the path proves the key": (
    fixtures,
  ) => {
    const presented = { leaf: "rekeyedClient", intermediates: ["rekeyedOldByNew", "rekeyedNew"] } as const;
    for (const freshness of BOTH) {
      assert.equal(check(fixtures, freshness, ["root", "rekeyedByNew"], presented), undefined);
      assert.equal(check(fixtures, freshness, ["root", "rekeyedByOld", "rekeyedByNew"], presented), undefined);
    }
    revoked(fixtures, ["root", "rekeyedByNewRevokes"], presented);
    // A list signed by one key does not undo a revocation in a list signed by the other key.
    revoked(fixtures, ["root", "rekeyedByOldRevokes", "rekeyedByNew"], presented);
    revoked(fixtures, ["root", "rekeyedByOld", "rekeyedByNewRevokes"], presented);
    inDoubt(fixtures, /^stale list .* of CN=Rekeyed,/, ["root", "rekeyedByOld"], presented);
  },
  "verifyTrust() ignores the list of another key of the issuer, if nothing proves the key": (fixtures) => {
    const presented = { leaf: "rekeyedClient", intermediates: ["rekeyedOld"] } as const;
    for (const name of ["rekeyedByNew", "rekeyedByNewRevokes"] as const) {
      inDoubt(fixtures, /^list without the signature of CN=Rekeyed,/, ["root", name], presented);
      // A certificate that is not on the path is not proven, so anybody may have made it.
      const intermediates = ["rekeyedOld", "rekeyedNew"] as const;
      inDoubt(fixtures, /^list without the signature of CN=Rekeyed,/, ["root", name], { ...presented, intermediates });
    }
  },
  "verifyTrust() uses the list of another key of the issuer, if an anchor of the sender proves the key": (fixtures) => {
    const { certificates, crls } = fixtures;
    const crl = { sources: ["http://crl.example/"], freshness: "require" };
    const prove = (anchors: readonly CertificateName[], lists: readonly CrlName[]) => {
      const policy = compilePolicy({
        ...policyDocument(fixtures, { anchors }),
        anchors: {
          root: { certificate: pemOf(certificates.root), crls: crl },
          rekeyedNew: { certificate: pemOf(certificates.rekeyedNew), crls: crl },
        },
      });
      const loaded = indexLists(lists.map((name) => parseCrl(fromBase64(crls[name]))));
      const presented = { leaf: "rekeyedClient", intermediates: ["rekeyedOld"], lists: loaded } as const;
      return present(fixtures, presented, policy).proofs.size;
    };
    assert.equal(prove(["root", "rekeyedNew"], ["root", "rekeyedByNew"]), 1);
    refused("certificate_revoked", () => prove(["root", "rekeyedNew"], ["root", "rekeyedByNewRevokes"]));
    // An anchor that only other senders trust proves nothing for this sender.
    refused("revocation_unknown", () => prove(["root"], ["root", "rekeyedByNew"]));
  },
  "verifyTrust() uses the newest list, by thisUpdate and then by number": (fixtures) => {
    for (const lists of [
      ["rootRevokesDirect", "rootNewer"],
      ["rootNewer", "rootRevokesDirect"],
      ["rootStaleRevokesDirect", "root"],
    ] as const) {
      assert.equal(check(fixtures, "require", lists), undefined, lists.join());
    }
    revoked(fixtures, ["root", "rootSameTime"]);
    revoked(fixtures, ["rootSameTime", "root"]);
  },
  "verifyTrust() uses a list of one distribution point for the certificates that name it": (fixtures) => {
    const pointed = { leaf: "pointed" } as const;
    for (const freshness of BOTH) assert.equal(check(fixtures, freshness, ["rootPointA"], pointed), undefined);
    revoked(fixtures, ["rootPointARevokesPointed"], pointed);
    revoked(fixtures, ["rootPointARevokesPointed", "rootPointB"], pointed);
    inDoubt(fixtures, /^missing list/, ["rootPointB"], pointed);
    inDoubt(fixtures, /^missing list/, ["rootPointA"]);
    inDoubt(fixtures, /^missing list/, ["rootPointA", "rootPointB"], { leaf: "direct" });
  },
  "verifyTrust() judges each request by the lists that are loaded now": (fixtures) => {
    const verdicts = (["root", "rootRevokesDirect", "root", "rootForged", "root"] as const).map((name) => {
      try {
        return check(fixtures, "require", [name]) ?? "proven";
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
    assert.deepEqual(verdicts, ["proven", "certificate_revoked", "proven", "revocation_unknown", "proven"]);
  },
  "verifyTrust() refuses an anchor that the list of another one holds, whoever trusts that one": (fixtures) => {
    const { certificates, crls } = fixtures;
    const crl = { sources: ["http://crl.example/"], freshness: "prefer" };
    const root = { certificate: pemOf(certificates.root), crls: crl };
    const anchors = { root, intermediate: pemOf(certificates.intermediate) };
    for (const trusted of [["intermediate"], ["root", "intermediate"]] as const) {
      const policy = compilePolicy({ ...policyDocument(fixtures, { anchors: trusted }), anchors });
      const anchorFor = (name: CrlName) => {
        const lists = indexLists([parseCrl(fromBase64(crls[name]))]);
        const [proof] = present(fixtures, { leaf: "client", lists }, policy).proofs.values();
        return proof?.anchor;
      };
      for (let time = 0; time < 2; time += 1) {
        for (const name of ["root", "rootForged", "rootRevokesItself", "rootRevokesClientsSerial"] as const)
          assert.equal(anchorFor(name), "intermediate");
        const { details } = refused("certificate_revoked", () => anchorFor("rootRevokesIntermediate"));
        assert.equal((details["revoked"] as { depth: number }).depth, 1);
      }
    }
  },
  "verifyTrust() refuses a certificate in the list of a presented CA, even if only the platform is trusted": (
    fixtures,
  ) => {
    const policy = compilePolicy(policyDocument(fixtures, { anchors: [], trust: { platform: true } }));
    const platform = { verified: "SUCCESS", revoked: false };
    const intermediates = ["root", "intermediate"] as const;
    const size = (names: readonly CrlName[], presented: Partial<Presented> = CLIENT) => {
      const lists = indexLists(names.map((name) => parseCrl(fromBase64(fixtures.crls[name]))));
      return present(fixtures, { leaf: "client", platform, lists, ...presented }, policy).proofs.size;
    };
    for (const name of ["intermediate", "root", "rootForged", "rootRevokesClientsSerial", "stranger"] as const)
      assert.equal(size([name]), 1);
    refused("certificate_revoked", () => size(["intermediateRevokesClient"]));
    refused("certificate_revoked", () => size(["rootRevokesIntermediate"], { intermediates }));
    // A list applies only to certificates that have the issuer name of the list and are signed by the key of the list.
    const rekeyed = { leaf: "rekeyedClient", intermediates: ["rekeyedOld", "rekeyedNew"] } as const;
    assert.equal(size(["rekeyedByNewRevokes"], rekeyed), 1);
    refused("certificate_revoked", () => size(["rekeyedByOldRevokes"], rekeyed));
    assert.equal(size(["renamedRevokesClient"], { intermediates: ["intermediate", "intermediateRenamed"] }), 1);
    // Without the certificate of the issuer, nothing proves who signed the list.
    assert.equal(size(["intermediateRevokesClient"], { intermediates: [] }), 1);
  },
  "verifyTrust() refuses a certificate in a loaded list under an anchor without lists, and requires no list": (
    fixtures,
  ) => {
    const policy = compilePolicy(policyDocument(fixtures));
    const unasked = (lists: readonly CrlName[], presented: Partial<Presented> = {}) => {
      const loaded = indexLists(lists.map((name) => parseCrl(fromBase64(fixtures.crls[name]))));
      const [proof] = present(fixtures, { leaf: "direct", lists: loaded, ...presented }, policy).proofs.values();
      return proof?.revocation;
    };
    // Runs twice, because the second time uses cached results.
    for (let time = 0; time < 2; time += 1) {
      for (const lists of [[], ["root"], ["rootForged"], ["rootStale"], ["stranger"], ["rootPointA"]] as const) {
        assert.equal(unasked(lists), undefined);
      }
      for (const name of ["rootRevokesDirect", "rootStaleRevokesDirect", "openssl"] as const) {
        refused("certificate_revoked", () => unasked([name, "rootForged"]));
      }
      refused("certificate_revoked", () => unasked(["rootRevokesIntermediate"], CLIENT));
      refused("certificate_revoked", () => unasked(["intermediateRevokesClient"], CLIENT));
      assert.equal(unasked(["rootRevokesClientsSerial"], CLIENT), undefined);
    }
  },
};
