// Tests which lists are kept after a source gives new lists. Older lists of the source may already be kept.

import assert from "node:assert/strict";
import { formatCrls, type KeptCrls, keepCrls } from "../../../core/revocation/keeping.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { type Crl, parseCrl } from "../../../core/x509/crl.ts";
import { readCrlContents } from "../../../core/x509/crl-contents.ts";
import { concat, fromBase64 } from "../../support/certificates/der-edit.ts";
import type { Cases, CertificateName, CrlName, Fixtures } from "../../support/scenes/certificates.ts";

interface Asked {
  readonly kept?: readonly Crl[];
  readonly anchors?: readonly CertificateName[];
  readonly now?: number;
  readonly maxBytes?: number;
}

const list = ({ crls }: Fixtures, name: CrlName) => parseCrl(fromBase64(crls[name]));

/** Returns the lists that are kept after a source gave the lists `names`. By default, the policy has the anchor `root`. */
function keep(fixtures: Fixtures, names: readonly CrlName[], asked: Asked = {}): KeptCrls {
  const { kept = [], anchors = ["root"], now = fixtures.now, maxBytes = 1024 * 1024 } = asked;
  const authorities = anchors.map((name) => parseCertificate(fixtures.certificates[name]));
  const contents = readCrlContents(concat(...names.map((name) => fromBase64(fixtures.crls[name]))));
  return keepCrls(contents, kept, { authorities, now, maxBytes });
}

/** Returns the names of the kept lists, and the reasons why the other lists are not kept. */
function told(fixtures: Fixtures, { lists, faults }: KeptCrls): readonly [names: string, faults: string] {
  const names = lists.map(({ der }) =>
    Object.entries(fixtures.crls).find(([, base64]) => Buffer.compare(fromBase64(base64), der) === 0),
  );
  return [names.map((entry) => entry?.[0]).join(" "), faults.join("; ")];
}

export const cases: Cases = {
  "keepCrls() accepts a first list, even if it has expired": (fixtures) => {
    for (const name of ["root", "rootStale", "openssl", "intermediate"] as const) {
      const result = keep(fixtures, [name]);
      assert.deepEqual(told(fixtures, result), [name, ""]);
      assert.deepEqual(result.added, result.lists);
    }
  },
  "keepCrls() says whether known keys signed all received lists": (fixtures) => {
    const isProven = (...asked: Parameters<typeof keep> extends [unknown, ...infer Rest] ? Rest : never) =>
      keep(fixtures, ...asked).isProven;
    assert.equal(isProven(["root"]), true);
    assert.equal(isProven(["root"], { kept: keep(fixtures, ["stranger"]).lists }), true);
    for (const names of [["stranger"], ["root", "stranger"], ["rootForged"], ["root", "rootFuture"], []] as const)
      assert.equal(isProven(names), false, names.join());
  },
  "keepCrls() accepts every list of a source, and reports which of them is broken": (fixtures) => {
    const all = ["root", "intermediate", "stranger"] as const;
    assert.deepEqual(told(fixtures, keep(fixtures, all)), [all.join(" "), ""]);
    const broken = fromBase64(fixtures.crls.intermediate).slice();
    broken[6] = 0x13;
    const ders = [fromBase64(fixtures.crls.root), broken, fromBase64(fixtures.crls.stranger)];
    const judges = { authorities: [], now: fixtures.now, maxBytes: 1e6 };
    const { lists, faults } = keepCrls({ ders, isPem: false, faults: ["one is cut off"] }, [], judges);
    assert.equal(lists.length, 2);
    assert.match(faults.join("\n"), /^one is cut off\nlist 2 of 3: ./);
  },
  "keepCrls() never accepts a list of the future, not even as the first": (fixtures) => {
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootFuture"])), ["", "the list is not yet valid"]);
    const { thisUpdate } = list(fixtures, "intermediate");
    const at = (now: number) => told(fixtures, keep(fixtures, ["intermediate"], { now }));
    assert.deepEqual(at(thisUpdate - 1), ["", "the list is not yet valid"]);
    assert.deepEqual(at(thisUpdate), ["intermediate", ""]);
  },
  "keepCrls() accepts a newer list of a key, keeps an equal list, and never returns to an older one": (fixtures) => {
    const kept = [list(fixtures, "root")];
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootNewer"], { kept })), ["rootNewer", ""]);
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootSameTime"], { kept })), ["rootSameTime", ""]);
    assert.equal(keep(fixtures, ["root"], { kept }).lists, kept);
    assert.deepEqual(keep(fixtures, ["root"], { kept }).added, []);
    for (const newer of ["rootNewer", "rootSameTime"] as const) {
      const result = told(fixtures, keep(fixtures, ["root"], { kept: [list(fixtures, newer)] }));
      assert.deepEqual(result, [
        newer,
        `the list is older than the one kept (2026-12-31T23:${newer === "rootNewer" ? "30" : "00"}:00Z)`,
      ]);
    }
    const late = { kept, now: fixtures.now + 30 * 24 * 3600 };
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootNewer"], late)), ["rootNewer", ""]);
    // The source now gives a newer list, but the newer list has expired. The kept list is still valid, so it stays.
    const current = { ...late, kept: [{ ...list(fixtures, "root"), nextUpdate: late.now }] };
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootNewer"], current)), ["root", "the list is out of date"]);
    const { nextUpdate } = list(fixtures, "rootNewer");
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootNewer"], { kept, now: nextUpdate })), ["rootNewer", ""]);
  },
  "keepCrls() keeps a proven list, whatever else the source gives": (fixtures) => {
    const kept = [list(fixtures, "root")];
    for (const other of ["stranger", "intermediate"] as const) {
      assert.deepEqual(told(fixtures, keep(fixtures, [other], { kept })), [`root ${other}`, ""]);
    }
    const [names, faults] = told(fixtures, keep(fixtures, ["rootForged"], { kept }));
    assert.deepEqual(
      [names, faults],
      ["root rootForged", "the list is not signed by the key of CN=Root,O=Countersign Tests,C=US"],
    );
    assert.deepEqual(keep(fixtures, ["rootForged"], { kept }).added, []);
    assert.equal(told(fixtures, keep(fixtures, [], { kept }))[0], "root");
  },
  "keepCrls() lets any list replace a list that nothing proves, with any dates": (fixtures) => {
    const forged = keep(fixtures, ["rootForged"], { anchors: ["stranger"] }).lists;
    const result = keep(fixtures, ["root"], { kept: forged, anchors: ["stranger"] });
    assert.deepEqual(told(fixtures, result), ["root", ""]);
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootStale"], { kept: forged })), ["rootStale", ""]);
  },
  "keepCrls() keeps a list that nothing proves until the source gives a valid list": (fixtures) => {
    const kept = keep(fixtures, ["intermediate", "stranger"]).lists;
    assert.equal(keep(fixtures, [], { kept }).lists, kept);
    assert.equal(keep(fixtures, ["rootFuture"], { kept }).lists, kept);
    assert.equal(keep(fixtures, ["stranger", "rootFuture"], { kept }).lists, kept);
    assert.deepEqual(told(fixtures, keep(fixtures, ["stranger"], { kept })), ["stranger", ""]);
  },
  "keepCrls() keeps lists of issuers for whom the source gives none, but only if another list is broken": (
    fixtures,
  ) => {
    const kept = keep(fixtures, ["root", "intermediate", "stranger"]).lists;
    const result = keep(fixtures, ["rootNewer", "intermediateRevokesClient", "rootFuture"], { kept });
    assert.deepEqual(told(fixtures, result), [
      "rootNewer intermediateRevokesClient stranger",
      "list 3 of 3: the list is not yet valid",
    ]);
    assert.deepEqual(told(fixtures, keep(fixtures, ["rootNewer", "stranger"], { kept })), ["rootNewer stranger", ""]);
  },
  "keepCrls() keeps the old list if two lists have the same time": (fixtures) => {
    const kept = [list(fixtures, "root")];
    assert.equal(keep(fixtures, ["rootRevokesDirect"], { kept }).lists, kept);
  },
  "keepCrls() compares only the ages of lists of the same key": (fixtures) => {
    const anchors = ["rekeyedOld", "rekeyedNew"] as const;
    for (const names of [
      ["rekeyedByOld", "rekeyedByNew"],
      ["rekeyedByNew", "rekeyedByOld"],
    ] as const) {
      assert.deepEqual(told(fixtures, keep(fixtures, names, { anchors })), [names.join(" "), ""]);
    }
  },
  "keepCrls() does not let a list replace that of another authority with the same key": (fixtures) => {
    const root = parseCertificate(fixtures.certificates.root);
    const other = { ...list(fixtures, "root"), foldedIssuer: "other" };
    const judges = { authorities: [root, { ...root, foldedSubject: "other" }], now: fixtures.now, maxBytes: 1e6 };
    const { lists, faults } = keepCrls(readCrlContents(fromBase64(fixtures.crls.rootNewer)), [other], judges);
    assert.deepEqual([lists.length, lists[0], faults], [2, other, []]);
  },
  "keepCrls() keeps 64 lists of a source": (fixtures) => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...list(fixtures, "stranger"), foldedIssuer: String(index) }));
    const [most, tooMany] = [many(64), many(65)];
    assert.equal(keep(fixtures, [], { kept: most }).lists, most);
    const { lists, faults } = keep(fixtures, [], { kept: tooMany });
    assert.deepEqual([lists.length, faults.length], [64, 2]);
  },
  "keepCrls() reports what is broken, once": (fixtures) => {
    const judges = { authorities: [], now: fixtures.now, maxBytes: 1e6 };
    const { faults } = keepCrls({ ders: [], isPem: true, faults: ["it is cut off"] }, [], judges);
    assert.deepEqual(faults, ["it is cut off"]);
  },
  "keepCrls() keeps the lists of every key and every scope of an issuer name": (fixtures) => {
    const result = keep(fixtures, ["root", "rootPointA", "rootPointB", "rootForged"], {
      anchors: ["root", "rootTwin"],
    });
    assert.equal(told(fixtures, result)[0], "root rootPointA rootPointB rootForged");
    const newer = keep(fixtures, ["rootPointARevokesPointed"], { kept: result.lists });
    assert.match(told(fixtures, newer)[0], /^root rootPointB rootPointARevokesPointed/);
  },
  "keepCrls() keeps at most the allowed size, proven lists first": (fixtures) => {
    const bytes = fromBase64(fixtures.crls.root).byteLength;
    const [names, faults] = told(fixtures, keep(fixtures, ["stranger", "root"], { maxBytes: bytes }));
    assert.equal(names, "root");
    assert.match(faults, /^1 lists are left out/);
  },
  "keepCrls() reports content that has no list": (fixtures) => {
    for (const text of ["", "<html>", "-----BEGIN CERTIFICATE-----"]) {
      const judges = { authorities: [], now: fixtures.now, maxBytes: 1e6 };
      const result = keepCrls(readCrlContents(new TextEncoder().encode(text)), [], judges);
      assert.deepEqual([result.lists, result.faults], [[], ["it holds no revocation list"]]);
    }
  },
  "formatCrls() writes what readCrlContents() reads, and a single list as its own bytes": (fixtures) => {
    const lists = (["root", "intermediate"] as const).map((name) => list(fixtures, name));
    const { ders } = readCrlContents(formatCrls(lists));
    assert.deepEqual(
      ders.map((der) => Buffer.from(der).toString("base64")),
      [fixtures.crls.root, fixtures.crls.intermediate],
    );
    assert.equal(Buffer.from(formatCrls(lists.slice(0, 1))).toString("base64"), fixtures.crls.root);
  },
};
