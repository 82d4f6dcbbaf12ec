// Tests the findings about senders on the same route, and about routes that contradict themselves.

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
  ROUTE,
  spoiled,
  TWO,
} from "../../../support/scenes/inspection.ts";
import type { Json } from "../../../support/scenes/policy.ts";

const SIGNATURE = { scheme: "github", secrets: ["KEY"] };
const BASIC = { username: "u", secret: "PASSWORD" };
const same: Change = [[...TWO, "certificates", 0, "subject"], { CN: "one.example" }];
const narrow: Change = [[...TWO, "certificates", 0, "subject"], { CN: "one.example", O: "Example" }];
const set = (sender: readonly string[], member: string, value: Json | undefined): Change => [
  [...sender, member],
  value,
];
const signedAlone = (sender: readonly string[], signature: Json = SIGNATURE): Change[] => [
  set(sender, "certificates", undefined),
  set(sender, "trust", undefined),
  set(sender, "signature", signature),
];
const order: Change = [
  [...ROUTE, "senders"],
  ["two", "one"],
];

const cases: Cases = {
  "inspectPolicy() names a sender that is never chosen": (fixtures) => {
    const never = "error /senders/two/certificates/0";
    expectFindings(fixtures, [same], never);
    expectFindings(fixtures, [narrow], never);
    // The narrow entry comes first, so both senders can be chosen. There is no finding, because an operator may intend this order.
    expectFindings(fixtures, [narrow, order]);
    expectFindings(fixtures, [same, order], "error /senders/one/certificates/0");
    expectFindings(fixtures, [same, set(ONE, "signature", SIGNATURE), set(TWO, "signature", SIGNATURE)], never);
    expectFindings(
      fixtures,
      [...signedAlone(ONE), ...signedAlone(TWO), [["anchors"], {}]],
      "error /senders/two/signature",
    );
  },
  "inspectPolicy() compares the values that senders require of the body": (fixtures) => {
    const body = (...values: string[]) => [{ pointer: "/id", in: values }];
    const never = "error /senders/two/certificates/0";
    expectFindings(fixtures, [same, set(ONE, "body", body("1")), set(TWO, "body", body("2"))]);
    expectFindings(fixtures, [same, set(ONE, "body", body("1", "2")), set(TWO, "body", body("2"))], never);
    expectFindings(fixtures, [same, set(ONE, "body", body("1")), set(TWO, "body", body("1", "2"))]);
    expectFindings(fixtures, [same, set(ONE, "body", body("1"))], "error /senders/one/body");
    expectFindings(fixtures, [same, set(TWO, "body", body("1"))], "error /senders/two/body");
    const signature = set(ONE, "signature", SIGNATURE);
    expectFindings(fixtures, [same, signature, set(ONE, "body", body("1")), set(TWO, "body", body("2"))]);
    expectFindings(fixtures, [same, signature, set(TWO, "body", body("2"))], "warning /senders/one/signature");
  },
  "inspectPolicy() warns if a request of a stranger is hashed with the keys of many senders": (fixtures) => {
    const MIB = 1024 * 1024;
    const keys = (count: number, name: string) => Array.from({ length: count }, (_, index) => `${name}_${index}`);
    const limit = (bytes: number): Change => [[...ROUTE, "maxBodyBytes"], bytes];
    const signing = (one: number, two: number): Change[] => [
      ...signedAlone(ONE, { scheme: "github", secrets: keys(one, "A") }),
      ...signedAlone(TWO, { scheme: "slack", secrets: keys(two, "B") }),
      [["anchors"], {}],
    ];
    const warning = "warning /routes/~1hooks/senders";
    expectFindings(fixtures, [...signing(8, 8)]);
    expectFindings(fixtures, [...signing(8, 9)], warning);
    expectFindings(fixtures, [...signing(8, 9), limit(MIB - 64 * 1024)]);
    expectFindings(fixtures, [...signing(1, 1), limit(8 * MIB)]);
    expectFindings(fixtures, [...signing(1, 1), limit(8 * MIB + 1)], warning);
    const [{ problem } = { problem: "" }] = findingsOf(spoiled(fixtures, [...signing(8, 9)]), fixtures.now);
    assert.match(problem, /up to 1 MiB, which is hashed with 17 keys of 2 senders that only sign: 17 MiB of work/);
    // There is no warning for one sender with many keys, because these are keys of a rotation. There is no warning for a sender
    // with a certificate either, because the certificate is checked before a body is hashed.
    const large = { scheme: "github", secrets: keys(20, "A") };
    expectFindings(fixtures, [
      ...signedAlone(ONE, large),
      [[...ROUTE, "senders"], ["one"]],
      [TWO, undefined],
      [["anchors"], {}],
    ]);
    expectFindings(fixtures, [...signedAlone(ONE, large), set(TWO, "signature", { ...large, secrets: keys(20, "B") })]);
    // A request selects the keys of one account, so only the largest account of this sender counts. Its 9 keys and the 8 keys of
    // the other sender are too many.
    const accounts = { a: keys(7, "C"), b: keys(9, "D") };
    const selected = [...signing(8, 1), set(TWO, "signature", { scheme: "docusign", secrets: keys(3, "B"), accounts })];
    expectFindings(fixtures, selected, warning);
  },
  "inspectPolicy() lets senders share certificates if something else distinguishes the senders": (fixtures) => {
    const other = { ...SIGNATURE, secrets: ["OTHER"] };
    expectFindings(fixtures, [same, set(ONE, "signature", SIGNATURE), set(TWO, "signature", other)]);
    expectFindings(fixtures, [same, set(ONE, "basic", BASIC), set(TWO, "basic", { ...BASIC, username: "v" })]);
    expectFindings(fixtures, [
      same,
      [["anchors", "stranger"], anchorOf(fixtures, "stranger")],
      [[...TWO, "trust", "anchors"], ["stranger"]],
    ]);
    expectFindings(fixtures, [
      same,
      [[...ENTRY, "until"], "2028-01-01"],
      [[...TWO, "certificates", 0, "from"], "2026-06-01"],
    ]);
    expectFindings(fixtures, [
      same,
      [["routes", "/other"], { senders: ["two"], methods: ["POST"] }],
      [[...ROUTE, "senders"], ["one"]],
    ]);
  },
  "inspectPolicy() names a factor that another sender makes useless, in either order": (fixtures) => {
    for (const first of [[], [order]] as Change[][]) {
      expectFindings(fixtures, [...first, same, set(ONE, "signature", SIGNATURE)], "error /senders/one/signature");
      expectFindings(fixtures, [...first, same, set(ONE, "basic", BASIC)], "error /senders/one/basic");
      expectFindings(
        fixtures,
        [...first, same, set(ONE, "basic", BASIC), set(ONE, "signature", SIGNATURE)],
        "error /senders/one/basic",
        "error /senders/one/signature",
      );
      // The weaker sender accepts every certificate that the stronger sender accepts.
      expectFindings(fixtures, [...first, narrow, set(TWO, "signature", SIGNATURE)], "error /senders/two/signature");
      // The weaker sender accepts only some certificates of the stronger sender. An operator may intend this exception.
      expectFindings(fixtures, [...first, narrow, set(ONE, "signature", SIGNATURE)], "warning /senders/one/signature");
      expectFindings(
        fixtures,
        [...first, ...signedAlone(TWO), set(ONE, "signature", SIGNATURE)],
        "error /senders/one/certificates",
      );
    }
  },
  "inspectPolicy() sees no useless factor if no request can pass as both senders": (fixtures) => {
    const other = { ...SIGNATURE, secrets: ["OTHER"] };
    expectFindings(fixtures, [set(ONE, "signature", SIGNATURE)]);
    expectFindings(fixtures, [...signedAlone(TWO, other), set(ONE, "signature", SIGNATURE)]);
    expectFindings(fixtures, [...signedAlone(TWO)]);
    const turn = "2027-06-01";
    expectFindings(
      fixtures,
      [
        same,
        set(ONE, "signature", SIGNATURE),
        [[...ENTRY, "from"], turn],
        [[...TWO, "certificates", 0, "until"], turn],
      ],
      "warning /senders/one/certificates/0/from (time)",
    );
  },
  "inspectPolicy() sees a useless factor if a request can pass as both senders": (fixtures) => {
    const stranger: Change = [["anchors", "stranger"], anchorOf(fixtures, "stranger")];
    const anchors = (sender: readonly string[], ...names: string[]): Change => [[...sender, "trust", "anchors"], names];
    const platform = (sender: readonly string[]): Change => [[...sender, "trust"], { platform: true }];
    const signed = set(ONE, "signature", SIGNATURE);
    const voidSignature = "error /senders/one/signature";
    expectFindings(fixtures, [same, signed, stranger, anchors(TWO, "stranger")]);
    expectFindings(fixtures, [same, signed, stranger, anchors(TWO, "stranger", "root")], voidSignature);
    expectFindings(fixtures, [same, signed, stranger, anchors(ONE, "stranger", "root")], voidSignature);
    for (const sender of [ONE, TWO]) expectFindings(fixtures, [same, signed, platform(sender)], voidSignature);
    const basicOf = (sender: readonly string[], ...names: string[]) =>
      set(
        sender,
        "basic",
        names.map((username) => ({ username, secret: "PASSWORD" })),
      );
    expectFindings(fixtures, [same, signed, basicOf(ONE, "u", "v"), basicOf(TWO, "v")], voidSignature);
    expectFindings(fixtures, [same, signed, basicOf(ONE, "u", "v"), basicOf(TWO, "w", "v")], voidSignature);
    expectFindings(fixtures, [same, signed, basicOf(ONE, "u", "v"), basicOf(TWO, "w")]);
    const other = [{ username: "u", secret: "OTHER" }];
    expectFindings(fixtures, [same, signed, basicOf(ONE, "u"), set(TWO, "basic", other)]);
  },
  "inspectPolicy() sees useless certificates if one secret signs for both senders": (fixtures) => {
    const voidCertificates = "error /senders/one/certificates";
    const signs = (strong: Json, weak: Json, ...expected: string[]) =>
      expectFindings(fixtures, [...signedAlone(TWO, weak), set(ONE, "signature", strong)], ...expected);
    const secrets = (...names: string[]) => ({ scheme: "github", secrets: names });
    signs(secrets("A", "B"), secrets("B", "C"), voidCertificates);
    signs(secrets("A"), secrets("B"));
    signs(secrets("A"), { scheme: "pagerduty", secrets: ["A"] });
    const accounts = { scheme: "docusign", accounts: { one: ["A"] } };
    signs(accounts, { scheme: "docusign", secrets: ["A"] }, voidCertificates);
    signs({ scheme: "docusign", secrets: ["A"] }, accounts, voidCertificates);
  },
  "inspectPolicy() sees a sender that is never chosen if the first sender accepts the same requests": (fixtures) => {
    const stranger: Change = [["anchors", "stranger"], anchorOf(fixtures, "stranger")];
    const never = "error /senders/two/certificates/0";
    const trusts = (one: Json, two: Json, ...expected: string[]) =>
      expectFindings(fixtures, [same, [[...ONE, "trust"], one], [[...TWO, "trust"], two]], ...expected);
    const named = (...anchors: string[]) => ({ anchors });
    const root = named("root");
    const all = { anchors: ["root"], platform: true };
    const unused = "warning /anchors/root";
    trusts(root, all, never);
    trusts(all, root);
    trusts({ platform: true }, all, never);
    trusts({ platform: true }, root);
    trusts(root, { platform: true });
    trusts({ platform: true }, { platform: true }, never, unused);
    trusts({ ...root, maxChainDepth: 4 }, { ...root, maxChainDepth: 1 }, never);
    trusts({ ...root, maxChainDepth: 1 }, { ...root, maxChainDepth: 4 });
    const several = (one: Json, two: Json, ...expected: string[]) =>
      expectFindings(fixtures, [same, stranger, [[...ONE, "trust"], one], [[...TWO, "trust"], two]], ...expected);
    several(named("stranger", "root"), root, never);
    several(root, named("root", "stranger"));
  },
  "inspectPolicy() sees that a sender can be chosen if it has its own secret": (fixtures) => {
    const never = "error /senders/two/certificates/0";
    const signs = (one: Json, two: Json, ...expected: string[]) =>
      expectFindings(fixtures, [same, set(ONE, "signature", one), set(TWO, "signature", two)], ...expected);
    const secrets = (...names: string[]) => ({ scheme: "github", secrets: names });
    signs(secrets("A", "B"), secrets("A"), never);
    signs(secrets("A"), secrets("A", "B"));
    signs(secrets("A"), { scheme: "pagerduty", secrets: ["A"] });
    const accounts = (...names: string[]) => ({ scheme: "docusign", accounts: { one: names } });
    signs(accounts("A"), accounts("A"), never);
    signs(accounts("A"), accounts("B"));
    const names = (one: string[], two: string[], ...expected: string[]) => {
      const basic = (list: string[]) => list.map((username) => ({ username, secret: "PASSWORD" }));
      expectFindings(fixtures, [same, set(ONE, "basic", basic(one)), set(TWO, "basic", basic(two))], ...expected);
    };
    names(["u", "v"], ["u"], never);
    names(["u"], ["u", "v"]);
    names(["u"], ["v"]);
  },
  "inspectPolicy() compares every pair of senders": (fixtures) => {
    const three: Change[] = [
      [["senders", "three"], { certificates: [{ subject: { CN: "two.example" } }], trust: { anchors: ["root"] } }],
      [
        [...ROUTE, "senders"],
        ["one", "two", "three"],
      ],
    ];
    expectFindings(fixtures, three, "error /senders/three/certificates/0");
  },
  "examinePolicy() concludes nothing about senders whose trust names a missing anchor": (fixtures) => {
    for (const sender of [ONE, TWO]) {
      const lost: Change = [
        [...sender, "trust", "anchors"],
        ["root", "absent"],
      ];
      for (const changes of [
        [],
        [set(ONE, "signature", SIGNATURE)],
        [set(TWO, "signature", SIGNATURE)],
      ] as Change[][]) {
        const findings = findingsOf(spoiled(fixtures, [same, lost, ...changes]), fixtures.now);
        assert.deepEqual(placesIn(findings), [`error /${sender.join("/")}/trust/anchors/1`]);
      }
    }
  },
  "inspectPolicy() reports two senders once, even if they share several routes, and names the first route": (
    fixtures,
  ) => {
    const again: Change = [["routes", "/again"], { senders: ["one", "two"], methods: ["POST"] }];
    expectFindings(fixtures, [same, again], "error /senders/two/certificates/0");
    const [finding] = findingsOf(spoiled(fixtures, [same, again]), fixtures.now);
    assert.match(finding?.problem ?? "", /on \/hooks: one comes first .*\/senders\/one\/certificates\/0$/);
  },
  "inspectPolicy() names a shadow list that can never differ": (fixtures) => {
    const shadow = (...names: string[]): Change => [[...ROUTE, "shadow"], names];
    expectFindings(fixtures, [shadow("one", "two")], "error /routes/~1hooks/shadow");
    expectFindings(fixtures, [shadow("two", "one")], "error /routes/~1hooks/shadow");
    // The shadow list has one sender more or one less than the route. Such a difference is the purpose of a shadow list.
    expectFindings(fixtures, [shadow("one")]);
    expectFindings(fixtures, [[[...ROUTE, "senders"], ["one"]], shadow("one", "two")]);
  },
  "inspectPolicy() names values that a list of a route contains twice": (fixtures) => {
    expectFindings(
      fixtures,
      [
        [
          [...ROUTE, "methods"],
          ["POST", "PUT", "POST"],
        ],
      ],
      "error /routes/~1hooks/methods/2",
    );
    expectFindings(
      fixtures,
      [
        [
          [...ROUTE, "headers"],
          ["X-A", "x-a", "X-B"],
        ],
      ],
      "error /routes/~1hooks/headers/1",
    );
  },
  "inspectPolicy() accepts every HTTP method that reaches a route, and refuses the others": (fixtures) => {
    const methods = (...names: string[]): Change => [[...ROUTE, "methods"], names];
    expectFindings(fixtures, [methods("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")]);
    const places = [0, 1, 2].map((index) => `error /routes/~1hooks/methods/${index}`);
    expectFindings(fixtures, [methods("CONNECT", "TRACE", "TRACK")], ...places);
  },
  "inspectPolicy() names methods and paths that no request has": (fixtures) => {
    expectFindings(
      fixtures,
      [
        [
          [...ROUTE, "methods"],
          ["TRACE", "PSOT", "QUERY"],
        ],
      ],
      "error /routes/~1hooks/methods/0",
      "warning /routes/~1hooks/methods/1",
    );
    const route = { senders: ["one"], methods: ["POST"] };
    const paths = {
      "/cdn-cgi/x": "warning",
      "/%C3%A4": "",
      "/x/*": "",
    };
    for (const [path, severity] of Object.entries(paths)) {
      const place = `/routes/${path.replaceAll("/", "~1")}`;
      expectFindings(fixtures, [[["routes", path], route]], ...(severity === "" ? [] : [`${severity} ${place}`]));
    }
  },
  "inspectPolicy() names routes of different senders that some routers confuse": (fixtures) => {
    const route = (...senders: string[]) => ({ senders, methods: ["POST"] });
    const withRoutes = (routes: Record<string, Json>): Change => [["routes"], routes];
    const both = ["error /routes/~1a", "error /routes/~1A~1"];
    expectFindings(fixtures, [withRoutes({ "/a": route("one"), "/A/": route("two") })], ...both);
    const prefixes = ["error /routes/~1a~1*", "error /routes/~1A~1*"];
    expectFindings(fixtures, [withRoutes({ "/a/*": route("one"), "/A/*": route("two") })], ...prefixes);
    const narrower = { "/a": route("one"), "/a/": route("one", "two") };
    expectFindings(fixtures, [withRoutes(narrower)], "error /routes/~1a~1");
    expectFindings(fixtures, [
      withRoutes({ "/a": route("one", "two"), "/a/": route("two", "one"), "/a/*": route("one") }),
    ]);
    expectFindings(fixtures, [withRoutes({ "/*": route("one"), "/a": route("two"), "/a/*": route("one") })]);
  },
  "inspectPolicy() names credentials and accounts that are the same": (fixtures) => {
    expectFindings(
      fixtures,
      [set(ONE, "basic", [BASIC, { ...BASIC, secret: "NEXT" }, BASIC])],
      "error /senders/one/basic/2",
    );
    const accounts = { "ABC-1": ["A"], "abc-1": ["B"], other: ["A"] };
    expectFindings(
      fixtures,
      [set(ONE, "signature", { scheme: "docusign", accounts })],
      "error /senders/one/signature/accounts/abc-1",
    );
  },
  "inspectPolicy() names denied serial numbers that are too long, and entries that deny twice or without effect": (
    fixtures,
  ) => {
    const issuer = "CN=x";
    const digest = "ab".repeat(32);
    expectFindings(
      fixtures,
      [
        [
          ["deny"],
          [
            { serial: "1".repeat(42), issuer },
            { serial: `00${"1a".repeat(20)}`, issuer },
            { serial: "01", issuer },
            { serial: "0:1".replace(":", ""), issuer },
          ],
        ],
      ],
      "error /deny/0/serial",
      "warning /deny/3",
    );
    expectFindings(
      fixtures,
      [
        [ENTRY, { sha256: digest.toUpperCase() }],
        [["deny"], [{ sha256: digest }]],
      ],
      "warning /senders/one/certificates/0/sha256",
      "warning /deny/0/sha256",
    );
  },
  "inspectPolicy() names a denied issuer that no CA can have": (fixtures) => {
    const serial = "0a1b2c";
    const names = (issuer: string, ...places: string[]) =>
      expectFindings(fixtures, [[["deny"], [{ serial, issuer }]]], ...places);
    const nobody = "warning /deny/0/issuer";
    names("CN=Root,O=Countersign Tests,C=US");
    names("cn=ROOT,o=countersign  tests,c=us");
    names("C=US,O=Countersign Tests,CN=Root", nobody);
    names("O=Countersign Tests,CN=Root,C=US", nobody);
    names("CN=Root", nobody);
    names("CN=Root,OU=PKI,O=Countersign Tests,C=US", nobody);
    // An unknown issuer is usually not reported, because an intermediate CA may have any name. It is reported if its text ends
    // with the CN, because such a text seems to be in reverse order.
    names("CN=Other,O=Somebody,C=US");
    names("C=US,O=Somebody,CN=Other", nobody);
    names("DC=com,CN=Other", nobody);
    const direct: Change = [["anchors", "root"], anchorOf(fixtures, "limited")];
    expectFindings(fixtures, [direct, [["deny"], [{ serial, issuer: "CN=Other,O=Somebody" }]]], nobody);
    const sender: Change = [[...ENTRY, "subject"], "CN=one.example,O=One"];
    expectFindings(fixtures, [sender, [["deny"], [{ serial, issuer: "CN=One.example,O=One" }]]], nobody);
    const { serial: ofCa, subjectText } = parseCertificate(fixtures.certificates.intermediate);
    const intermediate: Change = [["anchors", "root"], anchorOf(fixtures, "intermediate")];
    expectFindings(fixtures, [intermediate, [["deny"], [{ serial: ofCa, issuer: subjectText }]]], nobody);
  },
  "inspectPolicy() accepts a denied issuer unless the policy shows that it cannot issue": (fixtures) => {
    const denies = (serial: string, issuer: string, changes: readonly Change[], ...places: string[]) =>
      expectFindings(fixtures, [...changes, [["deny"], [{ serial, issuer }]]], ...places);
    const nobody = "warning /deny/0/issuer";
    const depth = (sender: readonly string[]): Change => [[...sender, "trust", "maxChainDepth"], 1];
    denies("0a", "CN=Other,O=Somebody", [depth(ONE)]);
    denies("0a", "CN=Other,O=Somebody", [depth(ONE), depth(TWO)], nobody);
    const platform = (sender: readonly string[]): Change => [
      [...sender, "trust"],
      { platform: true, maxChainDepth: 1 },
    ];
    denies("0a", "CN=Other,O=Somebody", [platform(ONE), depth(TWO)]);
    denies("0a", "C=US,O=Somebody", []);
    denies("0a", "O=Somebody,CN=Other", [], nobody);
    const { root, intermediate } = fixtures.certificates;
    const own = parseCertificate(root);
    denies(own.serial, own.subjectText, [], "warning /anchors/root");
    const below: Change = [["anchors", "root"], anchorOf(fixtures, "intermediate")];
    denies("0a", parseCertificate(intermediate).subjectText, [below]);
    const reversed = "C=US,O=Somebody,CN=Other";
    denies("0a", reversed, [[[...ENTRY, "issuer"], reversed]]);
    const other: Change[] = [
      [["anchors", "stranger"], anchorOf(fixtures, "stranger")],
      [
        [...ONE, "trust", "anchors"],
        ["root", "stranger"],
      ],
    ];
    denies("0a", own.subjectText, other);
    expectFindings(fixtures, [...other, [["deny"], [{ sha256: own.sha256 }]]], "warning /anchors/root");
    for (const serial of ["a2345678901234567890123", "12345678901234567890a"]) denies(serial, own.subjectText, []);
  },
  "inspectPolicy() names a denied serial number or digest that no certificate can have": (fixtures) => {
    const denies = (entry: Record<string, string>, ...places: string[]) =>
      expectFindings(fixtures, [[["deny"], [entry]]], ...places);
    const issuer = "CN=Root,O=Countersign Tests,C=US";
    denies({ serial: "12345678901234567890", issuer }, "warning /deny/0/serial");
    denies({ serial: "1234567890", issuer });
    const { sha256, spkiSha256 } = parseCertificate(fixtures.certificates.root);
    denies({ sha256: spkiSha256 }, "warning /deny/0/sha256");
    denies({ spkiSha256: sha256 }, "warning /deny/0/spkiSha256");
    const ofNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    denies({ spkiSha256: ofNothing }, "warning /deny/0/spkiSha256");
    denies({ sha256: ofNothing }, "warning /deny/0/sha256");
    denies({ spkiSha256: "ab".repeat(32) });
  },
  "inspectPolicy() names denials in a policy without certificates, and one name in two spellings": (fixtures) => {
    const signed = (secret: string) => ({ signature: { scheme: "github", secrets: [secret] } });
    expectFindings(
      fixtures,
      [
        [["anchors"], {}],
        [["senders"], { one: signed("KEY"), two: signed("OTHER_KEY") }],
        [["deny"], [{ spkiSha256: "ab".repeat(32) }]],
      ],
      "warning /deny/0",
    );
    const entries = ["CN=Root,O=Countersign Tests,C=US", "CN=ROOT,O=countersign tests,C=us"];
    expectFindings(fixtures, [[["deny"], entries.map((issuer) => ({ serial: "0a1b", issuer }))]], "warning /deny/1");
  },
};

await runInNode(cases);
