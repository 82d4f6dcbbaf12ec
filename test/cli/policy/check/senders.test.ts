// Tests the findings about a policy that compiles: entries that match no certificate, anchors that prove no
// sender, and gaps between the windows (`from`, `until`) of entries.

import assert from "node:assert/strict";
import { parseCertificate } from "../../../../core/x509/certificate.ts";
import { runInNode } from "../../../support/in-node.ts";
import type { Cases } from "../../../support/scenes/certificates.ts";
import {
  anchorOf,
  type Change,
  ENTRY,
  expectFindings,
  findingsOf,
  ONE,
  placesIn,
  soundDocument,
  spoiled,
  TWO,
} from "../../../support/scenes/inspection.ts";

const AT = "/senders/one/certificates/0";

/** A change that gives the first entry these alternative names. The other members of the entry stay. */
const withSan = (san: Record<string, string[]>): Change => [[...ENTRY, "san"], san];

const windows = (...entries: { CN?: string; from?: string; until?: string }[]): Change => [
  [...ONE, "certificates"],
  entries.map(({ CN = "one.example", ...window }) => ({ subject: { CN }, ...window })),
];

const cases: Cases = {
  "inspectPolicy() names a handshake whose secret another factor or sender has": (fixtures) => {
    const handshake = (scheme: string): Change => [[...ONE, "handshake"], { scheme, secret: "TOKEN" }];
    const signature: Change = [[...TWO, "signature"], { scheme: "slack", secrets: ["TOKEN"] }];
    const basic: Change = [[...ONE, "basic"], { username: "one", secret: "TOKEN" }];
    const token: Change = [[...TWO, "token"], { header: "X-Token", secrets: ["TOKEN"] }];
    for (const scheme of ["meta", "acrobat-sign", "ebay"]) {
      expectFindings(fixtures, [handshake(scheme)]);
      expectFindings(fixtures, [handshake(scheme), signature], "error /senders/one/handshake");
      expectFindings(fixtures, [handshake(scheme), basic], "error /senders/one/handshake");
    }
    expectFindings(fixtures, [handshake("zoom"), signature]);
    for (const scheme of ["meta", "zoom"]) {
      const found = findingsOf(spoiled(fixtures, [handshake(scheme), token]), fixtures.now);
      const [own] = found.filter(({ pointer }) => pointer === "/senders/one/handshake");
      assert.match(own?.problem ?? "", /^has the secret of \/senders\/two\/token too/);
    }
  },
  "inspectPolicy() warns of a handshake that stays open for more than a week": (fixtures) => {
    const signature: Change = [[...ONE, "signature"], { scheme: "asana", secrets: ["KEY"] }];
    const handshake = (days: number): Change => {
      const until = new Date((fixtures.now + days * 86_400) * 1000).toISOString().replace(/\.000Z$/, "Z");
      return [[...ONE, "handshake"], { scheme: "asana", until }];
    };
    for (const days of [-1, 0, 1, 7]) expectFindings(fixtures, [signature, handshake(days)]);
    expectFindings(fixtures, [signature, handshake(8)], "warning /senders/one/handshake/until");
  },
  "inspectPolicy() finds nothing wrong with a sound policy": (fixtures) => {
    assert.deepEqual(findingsOf(soundDocument(fixtures), fixtures.now), []);
  },
  "inspectPolicy() names values that no certificate can hold, with their form in certificates": (fixtures) => {
    const names = withSan({ dns: ["müller.example"], email: ["a@müller.example"], uri: ["https://x.example/ä"] });
    expectFindings(fixtures, [names], ...["dns/0", "email/0", "uri/0"].map((kind) => `error ${AT}/san/${kind}`));
    const remedies = findingsOf(spoiled(fixtures, [names]), fixtures.now).map(({ remedy }) => remedy);
    assert.deepEqual(remedies, [
      'write "xn--mller-kva.example"',
      'write "a@xn--mller-kva.example"',
      'write "https://x.example/%C3%A4"',
    ]);
    for (const dns of ["a b", "a\tb", "\ud800"])
      expectFindings(fixtures, [withSan({ dns: [dns] })], `error ${AT}/san/dns/0`);
    for (const text of ["a\u0000b", "\n", "\ud800"])
      expectFindings(fixtures, [[[...ENTRY, "subject", "CN"], text]], `error ${AT}/subject/CN`);
    expectFindings(
      fixtures,
      [
        [
          [...ENTRY, "subject", "OU"],
          ["a", "\u007f"],
        ],
      ],
      `error ${AT}/subject/OU/1`,
    );
    expectFindings(fixtures, [[[...ENTRY, "subject"], { CN: "a", cn: "b" }]], `error ${AT}/subject/cn`);
  },
  "inspectPolicy() warns of values that no certificate should hold, and accepts those that one may hold": (
    fixtures,
  ) => {
    expectFindings(fixtures, [[[...ENTRY, "subject", "C"], "USA"]], `warning ${AT}/subject/C`);
    expectFindings(fixtures, [[[...ENTRY, "subject"], "CN=a,C=USA"]], `warning ${AT}/subject`);
    expectFindings(fixtures, [[[...ENTRY, "subject", "CN"], "a".repeat(65)]], `warning ${AT}/subject/CN`);
    expectFindings(
      fixtures,
      [withSan({ dns: ["https://x.example", "192.0.2.1"] })],
      ...[0, 1].map((i) => `warning ${AT}/san/dns/${i}`),
    );
    expectFindings(
      fixtures,
      [withSan({ email: ["x"], uri: ["x.example"] })],
      `warning ${AT}/san/email/0`,
      `warning ${AT}/san/uri/0`,
    );
    expectFindings(fixtures, [withSan({ dns: ["a.example", "a.example"] })], `warning ${AT}/san/dns/1`);
    expectFindings(fixtures, [withSan({ dns: ["a.example"], email: ["a@b"], uri: ["urn:a:b"], ip: ["::1"] })]);
    expectFindings(fixtures, [[[...ENTRY, "subject"], { C: "US", CN: "é".repeat(64), O: "字" }]]);
  },
  "inspectPolicy() warns of patterns, which are literals, but where a digest shows that the certificate was seen": (
    fixtures,
  ) => {
    for (const CN of ["*.one.example", "^one\\.example", "one.+", "[a-z].example", "one\\d.example"])
      expectFindings(fixtures, [[[...ENTRY, "subject", "CN"], CN]], `warning ${AT}/subject/CN`);
    expectFindings(fixtures, [[[...ENTRY, "subject"], "CN=*,O=a"]], `warning ${AT}/subject`);
    expectFindings(
      fixtures,
      [
        [
          [...ENTRY, "subject", "OU"],
          ["a", "*"],
        ],
      ],
      `warning ${AT}/subject/OU/1`,
    );
    expectFindings(fixtures, [[[...ENTRY, "issuer"], { O: "*" }]], `warning ${AT}/issuer/O`);
    expectFindings(fixtures, [withSan({ dns: ["*.a.example"] })], `warning ${AT}/san/dns/0`);
    expectFindings(fixtures, [withSan({ dns: ["*.a.example"] }), [[...ENTRY, "spkiSha256"], "ab".repeat(32)]]);
    expectFindings(fixtures, [[[...ENTRY, "subject"], "CN=a\\, b+O=A.B [c]"]]);
    expectFindings(fixtures, [[[...ENTRY, "subject"], { CN: "a.b-c [d] ^ e", O: "A, Inc. (2)" }]]);
  },
  "inspectPolicy() warns of a name that looks like a secret, and never shows it": (fixtures) => {
    const key = "A7F2B19C33E04D5F8A7F2B19C33E04D5";
    const signature = {
      scheme: "docusign",
      secrets: ["GOOD_NAME_1", key],
      accounts: { a: [key] },
      retired: [`${key}A`],
    };
    const changes: Change[] = [
      [[...ONE, "signature"], signature],
      [[...TWO, "signature"], { scheme: "docusign", secrets: ["A_LONG_NAME_OF_A_SECRET_OF_2027_AND_8"] }],
      [[...ONE, "basic"], { username: "u", secret: key }],
      [[...ONE, "token"], { header: "X-Token", secrets: [`${key}B`] }],
    ];
    expectFindings(
      fixtures,
      changes,
      ...[
        "signature/secrets/1",
        "signature/accounts/a/0",
        "signature/retired/0",
        "basic/0/secret",
        "token/secrets/0",
      ].map((place) => `warning /senders/one/${place}`),
    );
    assert.doesNotMatch(JSON.stringify(findingsOf(spoiled(fixtures, changes), fixtures.now)), /A7F2/);
  },
  "inspectPolicy() warns of parameters in a path": (fixtures) => {
    const route = { senders: ["one"], methods: ["POST"] };
    const path = "/hooks/:id/x";
    expectFindings(fixtures, [[["routes", path], route]], "warning /routes/~1hooks~1:id~1x");
    expectFindings(fixtures, [[["routes", "/hooks/a:b"], route]]);
  },
  "inspectPolicy() names an issuer that no path can have": (fixtures) => {
    const issuer = { CN: "Intermediate" };
    expectFindings(fixtures, [[[...ENTRY, "issuer"], issuer]]);
    const direct: Change = [[...ONE, "trust", "maxChainDepth"], 1];
    expectFindings(fixtures, [direct, [[...ENTRY, "issuer"], issuer]], `error ${AT}/issuer`);
    expectFindings(fixtures, [direct, [[...ENTRY, "issuer"], "CN=Intermediate,C=US"]], `error ${AT}/issuer`);
    // Path building ignores the case of names. So the issuer in a certificate may differ in case from the anchor's name. For this
    // reason, these entries can match.
    for (const own of [{ CN: "Root" }, "cn=ROOT,o=countersign tests,c=US"])
      expectFindings(fixtures, [direct, [[...ENTRY, "issuer"], own]]);
    const limited: Change = [["anchors", "root"], anchorOf(fixtures, "limited")];
    expectFindings(fixtures, [limited, [[...ENTRY, "issuer"], issuer]], `error ${AT}/issuer`);
  },
  "inspectPolicy() names an entry that no anchor can certify": (fixtures) => {
    const constrained: Change = [["anchors", "root"], anchorOf(fixtures, "dnsCa")];
    expectFindings(fixtures, [constrained, withSan({ dns: ["x.client.example"] })]);
    expectFindings(fixtures, [constrained, withSan({ dns: ["evil.example"] })], `error ${AT}`);
    expectFindings(fixtures, [[[...ENTRY, "from"], "2031-01-01"]], `warning ${AT}/from`, `warning ${AT}/from (time)`);
    // This window ended before the anchor's notBefore. Only the end of the window is reported. There is no finding about the
    // anchor. The anchor's CA may have had an earlier certificate, which proved the sender during the window.
    expectFindings(fixtures, [[[...ENTRY, "until"], "2025-01-01"]], "error /senders/one/certificates (time)");
    const { sha256, spkiSha256 } = parseCertificate(fixtures.certificates.root);
    expectFindings(fixtures, [[ENTRY, { sha256: sha256.toUpperCase() }]], `error ${AT}/sha256`);
    expectFindings(fixtures, [[ENTRY, { spkiSha256 }]], `warning ${AT}/spkiSha256`);
  },
  "inspectPolicy() names entries that repeat another entry, or accept less than another entry": (fixtures) => {
    const entries = (...list: object[]): Change => [[...ONE, "certificates"], list as never];
    const [wide, narrow] = [{ subject: { CN: "a" } }, { subject: { CN: "a", O: "o" } }];
    expectFindings(fixtures, [entries(wide, { subject: { cn: "a" } })], "error /senders/one/certificates/1");
    expectFindings(fixtures, [entries(narrow, wide)], `warning ${AT}`);
    expectFindings(fixtures, [entries({ subject: "CN=a,O=o" }, wide)], `warning ${AT}`);
    expectFindings(fixtures, [entries({ ...wide, until: "2028-01-01" }, wide)], `warning ${AT}`);
    expectFindings(fixtures, [entries(wide, { san: { dns: ["a"] } }, { subject: { CN: "b" } })]);
    expectFindings(fixtures, [entries({ ...wide, until: "2028-01-01" }, { ...wide, from: "2027-06-01" })]);
    const digest = "AB".repeat(32);
    expectFindings(
      fixtures,
      [entries({ sha256: digest }, { sha256: digest.toLowerCase().match(/../g)?.join(":") })],
      "error /senders/one/certificates/1",
    );
  },
  "inspectPolicy() compares many entries without comparing each with each": (fixtures) => {
    const entries = Array.from({ length: 20_000 }, (_, index) => ({ subject: { CN: `c${index}`, O: "Example" } }));
    expectFindings(
      fixtures,
      [
        [
          [...ONE, "certificates"],
          [...entries, { subject: { CN: "c500" } }],
        ],
      ],
      "warning /senders/one/certificates/500",
    );
  },
  "inspectPolicy() names anchors that prove nothing": (fixtures) => {
    const anchor = (name: Parameters<typeof anchorOf>[1]): Change => [["anchors", "root"], anchorOf(fixtures, name)];
    for (const name of ["serverOnlyCa", "criticalRoot", "oddCa"] as const)
      expectFindings(fixtures, [anchor(name)], "error /anchors/root");
    for (const name of ["clientOnlyCa", "policiesCa", "nameCa"] as const) expectFindings(fixtures, [anchor(name)]);
    const stranger: Change = [["anchors", "other"], anchorOf(fixtures, "stranger")];
    expectFindings(fixtures, [stranger], "warning /anchors/other");
    expectFindings(
      fixtures,
      [[["anchors", "other"], anchorOf(fixtures, "root")]],
      ...["", ""].map(() => "warning /anchors/other"),
    );
    const { sha256 } = parseCertificate(fixtures.certificates.root);
    expectFindings(fixtures, [[["deny"], [{ sha256 }]]], "warning /anchors/root");
  },
  "inspectPolicy() names an anchor out of date, as an error if nothing else proves a sender": (fixtures) => {
    const short = [["anchors", "root"], anchorOf(fixtures, "shortRoot")] as const;
    const at = (date: string, changes: readonly Change[]) =>
      placesIn(findingsOf(spoiled(fixtures, changes), Date.parse(date) / 1000));
    assert.deepEqual(at("2027-06-01", [short]), []);
    assert.deepEqual(at("2027-06-01T00:00:01Z", [short]), ["error /anchors/root (time)"]);
    assert.deepEqual(at("2026-05-31", [short]), ["error /anchors/root (time)"]);
    const beside: Change[] = [short, [["anchors", "new"], anchorOf(fixtures, "root")]];
    for (const sender of ["one", "two"])
      beside.push([
        ["senders", sender, "trust", "anchors"],
        ["root", "new"],
      ]);
    for (const date of ["2026-05-31", "2027-06-02"])
      assert.deepEqual(at(date, beside), ["warning /anchors/root (time)"]);
  },
  "inspectPolicy() names an anchor whose revocation lists another anchor of the same CA avoids": (fixtures) => {
    const crls = (freshness: string) => ({ sources: ["https://crl.example/a.crl"], freshness });
    const both = (first: string | undefined, second: string | undefined): Change[] => [
      ...(
        [
          ["root", first],
          ["again", second],
        ] as const
      ).map(([name, freshness]): Change => {
        const certificate = anchorOf(fixtures, "root");
        return [["anchors", name], freshness === undefined ? certificate : { certificate, crls: crls(freshness) }];
      }),
      [
        [...ONE, "trust", "anchors"],
        ["root", "again"],
      ],
    ];
    const copy = "warning /anchors/again";
    expectFindings(fixtures, both("require", undefined), copy, "error /senders/one/trust/anchors/0");
    expectFindings(fixtures, both("prefer", "require"), copy, "error /senders/one/trust/anchors/1");
    expectFindings(fixtures, both("require", "require"), copy);
  },
  "inspectPolicy() warns of a sender whose anchors are not equally strict about lists": (fixtures) => {
    const crls = (freshness: string) => ({ sources: ["https://crl.example/a.crl"], freshness });
    const anchor = (name: "root" | "stranger", freshness: string | undefined): Change => {
      const certificate = anchorOf(fixtures, name);
      return [["anchors", name], freshness === undefined ? certificate : { certificate, crls: crls(freshness) }];
    };
    const both = (first: string | undefined, second: string | undefined): Change[] => [
      anchor("root", first),
      anchor("stranger", second),
      [
        [...ONE, "trust", "anchors"],
        ["root", "stranger"],
      ],
    ];
    const at = (index: number) => `warning /senders/one/trust/anchors/${index}`;
    expectFindings(fixtures, both("require", undefined), at(1));
    expectFindings(fixtures, both(undefined, "prefer"), at(0));
    expectFindings(fixtures, both("prefer", "require"), at(0));
    expectFindings(fixtures, both("require", "require"));
    expectFindings(fixtures, both(undefined, undefined));
    const apart: Change = [[...TWO, "trust", "anchors"], ["stranger"]];
    expectFindings(fixtures, [anchor("root", "require"), anchor("stranger", undefined), apart]);
  },
  "inspectPolicy() names windows that ended, begin later, or leave a gap": (fixtures) => {
    expectFindings(fixtures, [windows({ until: "2028-01-01" }, { from: "2028-01-01" })]);
    expectFindings(fixtures, [windows({ until: "2027-01-01" })], "error /senders/one/certificates (time)");
    expectFindings(fixtures, [windows({ until: "2026-06-01" }, { from: "2026-06-01" })], `warning ${AT}/until (time)`);
    expectFindings(fixtures, [windows({ from: "2027-02-01" })], `warning ${AT}/from (time)`);
    const later = "/senders/one/certificates/1/from (time)";
    expectFindings(fixtures, [windows({ until: "2028-01-01" }, { from: "2028-01-02" })], `warning ${later}`);
    expectFindings(fixtures, [windows({ until: "2026-06-01" }, { from: "2026-07-01" })], `warning ${AT}/until (time)`);
    expectFindings(
      fixtures,
      [windows({ until: "2026-12-01" }, { from: "2027-02-01" })],
      `warning ${AT}/until (time)`,
      `error ${later}`,
    );
  },
  "inspectPolicy() treats the end of a window as the first instant outside the window": (fixtures) => {
    const [ended, later] = [`warning ${AT}/until (time)`, "error /senders/one/certificates/1/from (time)"];
    expectFindings(fixtures, [windows({ until: "2027-01-01" }, { from: "2027-01-01" })], ended);
    expectFindings(fixtures, [windows({ until: "2027-01-01" }, { from: "2027-02-01" })], ended, later);
    expectFindings(fixtures, [windows({ from: "2027-01-01" })]);
    expectFindings(fixtures, [windows({ until: "2026-12-01" }, { from: "2027-01-01" })], ended);
  },
  "inspectPolicy() takes the windows of a sender in the order of their dates": (fixtures) => {
    const start = "warning /senders/one/certificates/1/from (time)";
    expectFindings(fixtures, [windows({ from: "2027-03-01" }, { CN: "b", from: "2027-02-01" })], start);
    const within = { CN: "b", from: "2026-02-01", until: "2027-06-01" };
    const long = { from: "2026-01-01", until: "2028-01-01" };
    expectFindings(fixtures, [windows(long, within, { CN: "c", from: "2028-01-01" })]);
  },
  "inspectPolicy() treats certificates with the same name as successors, whatever their digests are": (fixtures) => {
    const certificate = (digit: string, window: object) => ({
      subject: { CN: "one.example" },
      sha256: digit.repeat(64),
      ...window,
    });
    const [first, second] = [certificate("a", { until: "2028-01-01" }), certificate("b", { from: "2028-02-01" })];
    const list: Change = [
      [...ONE, "certificates"],
      [first, second, { subject: { CN: "other" } }],
    ];
    expectFindings(fixtures, [list], "warning /senders/one/certificates/1/from (time)");
  },
  "inspectPolicy() asks whether any anchor of a sender is the issuer, or certifies the name": (fixtures) => {
    const anchors: Change[] = [
      [["anchors", "other"], anchorOf(fixtures, "dnsCa")],
      [
        [...ONE, "trust", "anchors"],
        ["root", "other"],
      ],
    ];
    const direct: Change = [[...ONE, "trust", "maxChainDepth"], 1];
    expectFindings(fixtures, [...anchors, withSan({ dns: ["evil.example"] })]);
    for (const CN of ["Root", "DNS CA"]) expectFindings(fixtures, [...anchors, direct, [[...ENTRY, "issuer"], { CN }]]);
    const partly = { CN: "Root", O: "Somebody" };
    expectFindings(fixtures, [...anchors, direct, [[...ENTRY, "issuer"], partly]], `error ${AT}/issuer`);
    const named: Change = [["anchors", "root"], anchorOf(fixtures, "nameCa")];
    expectFindings(fixtures, [named, [[...ENTRY, "subject"], "CN=a,O=Somebody"]], `error ${AT}`);
    expectFindings(fixtures, [named, [[...ENTRY, "subject"], { CN: "a", O: "Somebody" }]]);
  },
  "inspectPolicy() names a gap between windows of the same name, and none between two names": (fixtures) => {
    const always = { CN: "other" };
    expectFindings(
      fixtures,
      [windows({ until: "2028-01-01" }, { from: "2028-02-01" }, always)],
      "warning /senders/one/certificates/1/from (time)",
    );
    expectFindings(fixtures, [windows({ until: "2028-01-01" }, { CN: "b", from: "2028-02-01" }, always)]);
  },
  "inspectPolicy() names the dates of a gap, and the entry that ends before it": (fixtures) => {
    const change = windows({ until: "2028-01-01" }, { from: "2028-02-01T12:00:00Z" });
    const [gap] = findingsOf(spoiled(fixtures, [change]), fixtures.now);
    assert.match(gap?.problem ?? "", /2028-01-01T00:00:00Z .*certificates\/0\) until 2028-02-01T12:00:00Z$/);
  },
  "inspectPolicy() names a sender that no route names": (fixtures) => {
    expectFindings(fixtures, [[["routes", "/hooks", "senders"], ["two"]]], "warning /senders/one");
    expectFindings(fixtures, [
      [["routes", "/hooks", "senders"], ["two"]],
      [["routes", "/hooks", "shadow"], ["one"]],
    ]);
    expectFindings(fixtures, [
      [TWO, undefined],
      [["routes", "/hooks", "senders"], ["one"]],
    ]);
  },
};

await runInNode(cases);
