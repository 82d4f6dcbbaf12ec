// Tests the examination of a whole policy. No problem hides another problem, and each finding says what to do.

import assert from "node:assert/strict";
import fc from "fast-check";
import { examinePolicy } from "../../../../cli/policy/check/examine.ts";
import { toFinding } from "../../../../cli/policy/check/remedies.ts";
import { compilePolicy } from "../../../../core/policy/compile.ts";
import { isNatural, readPolicyForm } from "../../../../core/policy/form.ts";
import { PolicyError } from "../../../../core/policy/problem.ts";
import { POLICY_PROBLEMS } from "../../../../core/policy/words.ts";
import { runInNode } from "../../../support/in-node.ts";
import { type Cases, type Fixtures, pemOf, problemsOf } from "../../../support/scenes/certificates.ts";
import {
  anchorOf,
  type Change,
  ENTRY,
  findingsOf,
  ONE,
  placesIn,
  ROUTE,
  soundDocument,
  spoiled,
  TWO,
} from "../../../support/scenes/inspection.ts";
import type { Json } from "../../../support/scenes/policy.ts";

const TRUST = [...ONE, "trust"];
const DIGEST = "0".repeat(64);

/** Changes of a correct policy. Together they cause every problem of form, and every problem that the compiler finds. */
const FAULTS: readonly Change[] = [
  [["anchors"], 1],
  [["anchors", "a b"], "x"],
  [["anchors", "root"], ""],
  [["anchors", "root"], "no PEM"],
  [["anchors", "root"], "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"],
  [["anchors", "root"], { certificate: "x" }],
  [["anchors", "root"], { certificate: "x", crls: { sources: ["ftp://x/", "x".repeat(501)], freshness: "no" } }],
  [["intermediates"], 1],
  [["intermediates"], { "a b": "x" }],
  [["intermediates"], { mine: "no PEM" }],
  [["senders"], {}],
  [["senders", "a b"], {}],
  [ONE, { basic: { username: "a:b", secret: "low" } }],
  [[...ONE, "handshake"], { scheme: "meta" }],
  [[...ONE, "handshake"], { scheme: "slack" }],
  [[...ONE, "handshake"], { scheme: "asana" }],
  [[...ONE, "token"], { secrets: ["A"] }],
  [[...ONE, "certificates"], undefined],
  [[...ONE, "certificates"], []],
  [[...ONE, "trust"], undefined],
  [[...ONE, "trust"], {}],
  [
    [...ONE, "trust", "anchors"],
    ["absent", "root", "root"],
  ],
  [[...ONE, "trust", "maxChainDepth"], 0],
  [[...ONE, "trust", "unknown"], 0],
  [[...ONE, "signature"], {}],
  [[...ONE, "signature"], { scheme: "github" }],
  [[...ONE, "signature"], { scheme: "md5", secrets: ["A", "A"] }],
  [[...ONE, "signature"], { scheme: "meta", secrets: ["SIGNING_KEYS"] }],
  [[...ONE, "signature"], { scheme: "meta", secrets: ["A"], accounts: { a: ["B"] } }],
  [[...ONE, "signature"], { scheme: "meta", secrets: ["A"], retired: ["A"] }],
  [[...ONE, "signature"], { scheme: "meta", secrets: Array.from({ length: 21 }, (_, index) => `A${index}`) }],
  [[...ONE, "token"], { header: "Content-Type", secrets: ["A"] }],
  [[...ONE, "eventKey"], { header: "Authorization" }],
  [[...ONE, "eventKey"], { pointers: ["x"] }],
  [[...ONE, "about"], { checked: "yesterday" }],
  [ENTRY, {}],
  [ENTRY, { issuer: "CN=x" }],
  [ENTRY, { sha256: "0" }],
  [ENTRY, { subject: {} }],
  [ENTRY, { subject: "" }],
  [ENTRY, { subject: "/CN=x" }],
  [ENTRY, { subject: { XX: "y" } }],
  [ENTRY, { san: {} }],
  [ENTRY, { san: { ip: ["x"] } }],
  [ENTRY, { sha256: DIGEST, from: "2027-02-30" }],
  [ENTRY, { sha256: DIGEST, from: "soon" }],
  [ENTRY, { sha256: DIGEST, from: "2028-01-01", until: "2027-01-01" }],
  [["senders", "constructor"], {}],
  [ENTRY, { san: { ip: ["x"] }, spkiSha256: "0" }],
  [[...ONE, "eventKey"], { header: "a b" }],
  [[...ONE, "orderKey"], { header: "Cookie" }],
  [ROUTE, { senders: ["one"], methods: ["POST"], delivery: "queue", answer: "handler" }],
  [ROUTE, { senders: ["one"], methods: ["POST"], delivery: "later", answer: "never" }],
  [["routes", "//["], { senders: ["one"], methods: ["POST"] }],
  [["routes", "/%61"], { senders: ["one"], methods: ["POST"] }],
  [["routes"], {}],
  [["routes", "/a*"], { senders: ["one"], methods: ["POST"] }],
  [["routes", "/a/../b"], { senders: ["one"], methods: ["POST"] }],
  [["routes", "/.well-known/jwks.json"], { senders: ["one"], methods: ["POST"] }],
  [["routes", "/a b"], { senders: ["one"], methods: ["POST"] }],
  [["routes", "/a"], 1],
  [
    [...ROUTE, "senders"],
    ["one", "nobody", "one"],
  ],
  [[...ROUTE, "shadow"], []],
  [["routes", "Hooks.example/a"], { senders: ["sender"], methods: ["POST"] }],
  [[...ROUTE, "methods"], ["post"]],
  [[...ROUTE, "headers"], ["Cookie"]],
  [[...ROUTE, "headers"], ["a b"]],
  [[...ROUTE, "maxBodyBytes"], -1],
  [[...ROUTE, "mode"], "off"],
  [["deny"], 1],
  [["deny"], [{}]],
  [["deny"], [{ serial: "x", issuer: "CN=x" }]],
  [["deny"], [{ serial: "01", issuer: "x" }]],
  [["extra"], 1],
  [["$schema"], 1],
];

/** Returns changes that add CA certificates which cannot be anchors, each for a different reason. */
const anchorFaults = (fixtures: Fixtures): Change[] =>
  (["direct", "noCertSignCa", "namelessRoot", "weakRoot", "pointlessRoot"] as const).map((name) => [
    ["anchors", "root"],
    anchorOf(fixtures, name),
  ]);

const QUEUED_ORDER: readonly Change[] = [
  [[...ONE, "orderKey"], { header: "X-Order" }],
  [[...ROUTE, "delivery"], "queue"],
];

const SIGNED_FOR_ASKERS: readonly Change[] = [
  [[...TWO, "signature"], { scheme: "github", secrets: ["A"] }],
  [[...ONE, "handshake"], { scheme: "x", secret: "A" }],
];

const cases: Cases = {
  "examinePolicy() reports what the compiler reports, and knows every code": (fixtures) => {
    const met = new Set<string | undefined>(["source_is_file"]);
    const faults = [...FAULTS, ...anchorFaults(fixtures)].map((change) => [change]);
    for (const changes of [...faults, QUEUED_ORDER, SIGNED_FOR_ASKERS]) {
      const document = spoiled(fixtures, changes);
      const problems = problemsOf(() => compilePolicy(document));
      const { findings, policy } = examinePolicy(document, fixtures.now);
      assert.equal(policy, undefined);
      assert.deepEqual(
        findings.slice(0, problems.length).map(({ pointer, problem }) => `${pointer}: ${problem}`),
        problems,
      );
      assert.equal(
        findings.length,
        problems.length,
        JSON.stringify([changes, findings.slice(problems.length)], null, 1),
      );
      for (const { code } of findings) met.add(code);
    }
    assert.deepEqual(
      Object.keys(POLICY_PROBLEMS).filter((code) => !met.has(code)),
      [],
    );
  },
  "examinePolicy() tells what only an edge cannot do": (fixtures) => {
    const found = examinePolicy(soundDocument(fixtures), fixtures.now, () => {
      throw new PolicyError([{ at: ["anchors", "root", "crls", "sources", 0], code: "source_is_file" }]);
    });
    assert.deepEqual(placesIn(found.findings), ["error /anchors/root/crls/sources/0"]);
    assert.match(found.findings[0]?.remedy ?? "", /leave crls out on the edge/);
  },
  "examinePolicy() suggests a known member instead of an unknown one": (fixtures) => {
    const remedyFor = (path: readonly (string | number)[]) =>
      findingsOf(spoiled(fixtures, [[path, 1]]), fixtures.now)[0]?.remedy;
    assert.equal(
      remedyFor([...ENTRY, "sanDns"]),
      "remove it, or write one of subject, issuer, san, sha256, spkiSha256, from, until",
    );
    assert.match(remedyFor(["extra"]) ?? "", /one of \$schema, anchors, intermediates, senders, routes, deny$/);
    assert.match(remedyFor([...ROUTE, "extra"]) ?? "", /one of senders, methods, /);
    const inherited = toFinding({ at: ["senders", "a", "constructor"], code: "unknown_member" });
    assert.match(inherited.remedy, /write one of about, certificates/);
  },
  "examinePolicy() reports a list instead of an object with names, whether it compiles or not": (fixtures) => {
    const document = soundDocument(fixtures);
    const { anchors, senders } = document as { anchors: Record<string, Json>; senders: Record<string, Json> };
    const listed = (value: Json) =>
      JSON.parse(JSON.stringify(value).replaceAll('"anchors":["root"]', '"anchors":["0"]'));
    const compiles = { ...listed(document), anchors: [anchors["root"]] };
    compilePolicy(compiles);
    assert.deepEqual(placesIn(findingsOf(compiles, fixtures.now)), ["error /anchors"]);
    const others = findingsOf({ ...document, senders: Object.values(senders), routes: [] }, fixtures.now);
    assert.deepEqual(placesIn(others).slice(0, 2), ["error /senders", "error /routes"]);
  },
  "examinePolicy() reports a member that every JavaScript object has, and all other problems": (fixtures) => {
    const changes: Change[] = [
      [
        [...ROUTE, "senders"],
        ["one", "nobody"],
      ],
    ];
    const text = JSON.stringify(spoiled(fixtures, changes));
    const anchors = '"anchors":{"__proto__":"x","constructor":"nonsense",';
    const document = JSON.parse(
      text.replace('"anchors":{', anchors).replace('"senders":{', '"senders":{"prototype":{},'),
    );
    const findings = findingsOf(document, fixtures.now);
    assert.deepEqual(placesIn(findings).sort(), [
      "error /anchors/__proto__",
      "error /anchors/constructor",
      "error /routes/~1hooks/senders/1",
      "error /senders/prototype",
    ]);
    const [first] = findings;
    assert.equal(first?.problem, "is no member that can be named so");
    assert.equal(
      first?.remedy,
      "remove it, or choose another name: every JavaScript object has a member with this name",
    );
  },
  "examinePolicy() names everything at once: form, references, contradictions, dates": (fixtures) => {
    const { certificates } = fixtures;
    const changes: Change[] = [
      [["anchors", "leaf"], pemOf(certificates.direct)],
      [["anchors", "old"], anchorOf(fixtures, "shortRoot")],
      [[...ONE, "trust", "anchors"], ["old"]],
      [[...ONE, "trust", "ancors"], []],
      [
        [...ONE, "certificates"],
        [
          {},
          { subject: { CN: "a" } },
          { subject: { CN: "a" } },
          { san: { dns: ["é"] }, until: "2027-07-01" },
          { san: { dns: ["x"] }, from: "2027-08-01" },
        ],
      ],
      [
        [...ROUTE, "senders"],
        ["one", "two", "three"],
      ],
      [["routes", "/bad"], { senders: ["one"], methods: [] }],
      [
        [...ROUTE, "methods"],
        ["POST", "POST"],
      ],
      [
        [...TWO, "certificates"],
        [
          { subject: { CN: "b" }, until: "2027-07-01" },
          { subject: { CN: "b" }, from: "2027-08-01" },
        ],
      ],
      [["extra"], 1],
    ];
    const later = Date.parse("2027-06-15") / 1000;
    assert.deepEqual(
      placesIn(findingsOf(spoiled(fixtures, changes), later)).sort(),
      [
        "error /anchors/leaf",
        "error /anchors/old (time)",
        "error /extra",
        "error /routes/~1bad/methods",
        "error /routes/~1hooks/methods/1",
        "error /routes/~1hooks/senders/2",
        "error /senders/one/certificates/0",
        "error /senders/one/certificates/2",
        "error /senders/one/certificates/3/san/dns/0",
        "warning /senders/one/certificates/4/from",
        "warning /senders/two/certificates/1/from (time)",
        "error /senders/one/trust/ancors",
      ].sort(),
    );
  },
  "examinePolicy() concludes nothing from a trust that names a missing anchor": (fixtures) => {
    const issuer: Change = [[...ENTRY, "issuer"], { CN: "Nobody" }];
    const direct: Change = [[...TRUST, "maxChainDepth"], 1];
    const found = (...names: string[]) =>
      placesIn(findingsOf(spoiled(fixtures, [issuer, direct, [[...TRUST, "anchors"], names]]), fixtures.now));
    assert.deepEqual(found("root"), ["error /senders/one/certificates/0/issuer"]);
    assert.deepEqual(found("root", "absent"), ["error /senders/one/trust/anchors/1"]);
  },
  "examinePolicy() finds nothing wrong with trust in the platform alone": (fixtures) => {
    const platform: Change[] = [ONE, TWO].map((sender) => [[...sender, "trust"], { platform: true }]);
    assert.deepEqual(findingsOf(spoiled(fixtures, [...platform, [["anchors"], {}]]), fixtures.now), []);
  },
  "examinePolicy() finds other faults next to a malformed part, and none that only follow from this part": (
    fixtures,
  ) => {
    const found = (changes: readonly Change[], ...expected: readonly string[]) =>
      assert.deepEqual(placesIn(findingsOf(spoiled(fixtures, changes), fixtures.now)).sort(), [...expected].sort());
    const nobody: Change = [
      [...ROUTE, "senders"],
      ["one", "two", "nobody"],
    ];
    const [lost, noAnchor] = [
      [[...TWO, "trust", "anchors"], ["absent"]] as Change,
      "error /senders/two/trust/anchors/0",
    ];
    const noSender = "error /routes/~1hooks/senders/2";
    found([[ONE, 1], nobody, lost], "error /senders/one", noSender, noAnchor);
    found(
      [[[...ONE, "basic"], { username: "a:b", secret: "A" }], nobody],
      "error /senders/one/basic/username",
      noSender,
    );
    found([[["senders", "one", "unknown"], 1], nobody], "error /senders/one/unknown", noSender);
    found([[["anchors", "root"], 1], nobody, lost], "error /anchors/root", noSender, noAnchor);
    found([[["anchors", "root"], ""], nobody, lost], "error /anchors/root", noSender, noAnchor);
    const bad: Change = [["routes", "/bad"], 1];
    found([bad, nobody, lost], "error /routes/~1bad", noSender, noAnchor);
    const twice: Change = [
      [...ROUTE, "methods"],
      ["POST", "POST"],
    ];
    found([bad, twice], "error /routes/~1bad", "error /routes/~1hooks/methods/1");
    found([[["routes", "/bad"], { senders: ["one"], methods: [1] }], lost], "error /routes/~1bad/methods/0", noAnchor);
    const serial = { serial: "1".repeat(42), issuer: "CN=x" };
    found([[["deny"], [{}, serial, { sha256: DIGEST }, 1]]], "error /deny/0", "error /deny/1/serial", "error /deny/3");
    found([[["deny"], 1], lost], "error /deny", noAnchor);
    found([[["extra"], 1], nobody], "error /extra", noSender);
    found([[["$schema"], 1], nobody], "error /$schema", noSender);
  },
  "examinePolicy() finds other faults if the only sender or the only route is malformed": (fixtures) => {
    const found = (changes: readonly Change[], ...expected: readonly string[]) =>
      assert.deepEqual(placesIn(findingsOf(spoiled(fixtures, changes), fixtures.now)).sort(), [...expected].sort());
    const alone: Change[] = [
      [TWO, undefined],
      [
        [...ROUTE, "senders"],
        ["one", "nobody"],
      ],
    ];
    const noSender = "error /routes/~1hooks/senders/1";
    found([...alone, [ONE, 1]], "error /senders/one", noSender);
    found(
      [...alone, [[...ONE, "basic"], { username: "a:b", secret: "A" }]],
      "error /senders/one/basic/username",
      noSender,
    );
    found([...alone, [[...ONE, "certificates"], 1]], "error /senders/one/certificates", noSender);
    found([...alone, [ENTRY, 1]], "error /senders/one/certificates/0", noSender);
    const lost: Change = [[...TWO, "trust", "anchors"], ["absent"]];
    const noAnchor = "error /senders/two/trust/anchors/0";
    found([[ROUTE, 1], lost], "error /routes/~1hooks", noAnchor);
    found([[[...ROUTE, "methods", 0], 1], lost], "error /routes/~1hooks/methods/0", noAnchor);
  },
  "examinePolicy() keeps the places of entries next to a malformed entry": (fixtures) => {
    const entries: Json[] = [
      { subject: { CN: "a" } },
      { subject: { CN: 1 } },
      { subject: { CN: "a" } },
      { subject: { CN: "b" }, until: "2028-01-01" },
      { sha256: "x" },
      { subject: { CN: "b" }, from: "2028-02-01" },
    ];
    const changes: Change[] = [[[...ONE, "certificates"], entries]];
    assert.deepEqual(placesIn(findingsOf(spoiled(fixtures, changes), fixtures.now)).sort(), [
      "error /senders/one/certificates/1/subject/CN",
      "error /senders/one/certificates/2",
      "error /senders/one/certificates/4/sha256",
      "warning /senders/one/certificates/5/from (time)",
    ]);
  },
  "examinePolicy() reports the form of a malformed document": (fixtures) => {
    for (const [document, ...expected] of [
      [undefined, "error /"],
      [7, "error /"],
      [[], "error /anchors", "error /routes", "error /senders"],
      [{ anchors: {} }, "error /routes", "error /senders"],
      [{ anchors: 1, senders: 1, routes: 1 }, "error /anchors", "error /routes", "error /senders"],
      [{ anchors: { a: 1 }, senders: {}, routes: {} }, "error /anchors/a", "error /routes", "error /senders"],
    ] as const) {
      assert.deepEqual(placesIn(examinePolicy(document, fixtures.now).findings).sort(), expected);
    }
  },
  "readPolicyForm() reports every unknown member, and names that every object has": (fixtures) => {
    const told = (changes: readonly Change[]) =>
      readPolicyForm(spoiled(fixtures, changes)).problems.map(({ at, code }) => `${at.join(" ")}: ${code}`);
    assert.deepEqual(
      told([
        [[...ROUTE, "x"], 1],
        [[...ROUTE, "y"], 1],
      ]).toSorted(),
      ["routes /hooks x: unknown_member", "routes /hooks y: unknown_member"],
    );
    assert.deepEqual(told([[["senders", "prototype"], {}]]), ["senders prototype: reserved_name"]);
    for (const name of ["prototype", "constructor", "__proto__", "toString"]) assert.ok(isNatural(name), name);
    for (const name of ["one", "proto", ""]) assert.ok(!isNatural(name), name);
    assert.deepEqual(told([]), []);
  },
  "examinePolicy() does not hide an error in the compiler": (fixtures) => {
    const broken = () => {
      throw new RangeError("ours");
    };
    assert.throws(() => examinePolicy({}, fixtures.now, broken), RangeError);
  },
  "examinePolicy() accepts any document, and finds an error in each that does not compile": (fixtures) => {
    const places: Change[0][] = [["anchors"], ["senders"], ONE, TRUST, ENTRY, ["routes"], ROUTE];
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, null, {}, [], [{}], ["one"], { one: {} }));
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.string(), fc.boolean(), value, (place, member, isDeeper, json) => {
        const document = spoiled(fixtures, [[isDeeper ? [...place, member] : place, json as Json | undefined]]);
        const { policy, findings } = examinePolicy(document, fixtures.now);
        assert.ok(policy !== undefined || findings.some(({ severity }) => severity === "error"));
      }),
      { numRuns: 300 },
    );
    for (const document of [undefined, null, 1, "", [], [[]], {}]) {
      assert.ok(examinePolicy(document, fixtures.now).findings.length > 0);
    }
  },
  "examinePolicy() finds no error in a policy that consists of sound parts": (fixtures) => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    const window = fc.constantFrom({}, { from: "2026-01-01" }, { until: "2029-01-01" });
    const matcher = fc.oneof(
      fc.record({ subject: fc.record({ CN: word, O: word }, { requiredKeys: ["CN"] }), window }),
      fc.record({
        san: fc.record({
          dns: fc.uniqueArray(
            word.map((name) => `${name}.example`),
            { minLength: 1 },
          ),
        }),
        window,
      }),
      fc.record({ spkiSha256: fc.stringMatching(/^[0-9a-f]{64}$/), window }),
    );
    const entries = fc.uniqueArray(matcher, {
      minLength: 1,
      maxLength: 5,
      selector: ({ window: _, ...rest }) => JSON.stringify(rest),
    });
    const sender = fc.record({ entries, isSigned: fc.boolean(), isNamed: fc.boolean() });
    const senders = fc.uniqueArray(fc.tuple(word, sender), { minLength: 1, maxLength: 4, selector: ([name]) => name });
    fc.assert(
      fc.property(senders, (list) => {
        const document = {
          anchors: { root: anchorOf(fixtures, "root") },
          senders: Object.fromEntries(
            list.map(([name, { entries: own, isSigned, isNamed }]) => [
              name,
              {
                certificates: own.map(({ window: dates, ...entry }) => ({ ...entry, ...dates })),
                trust: { anchors: ["root"] },
                ...(isSigned && { signature: { scheme: "github", secrets: ["KEY"] } }),
                ...(isNamed && { basic: { username: name, secret: "PASSWORD" } }),
              },
            ]),
          ),
          // Each sender has its own route, because several senders on one route may contradict each other.
          routes: Object.fromEntries(list.map(([name]) => [`/${name}`, { senders: [name], methods: ["POST"] }])),
        };
        const errors = findingsOf(document as never, fixtures.now).filter(({ severity }) => severity === "error");
        assert.deepEqual(errors, []);
      }),
      { numRuns: 60 },
    );
  },
};

await runInNode(cases);
