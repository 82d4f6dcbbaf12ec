// Tests how policy.json is compiled to a Policy. All problems are reported at once, each with its place in the document.

import assert from "node:assert/strict";
import fc from "fast-check";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Cases, type Fixtures, pemOf, policyDocument, problemsOf } from "../../support/scenes/certificates.ts";
import { documentOf, ENTRY, type Json, put, ROUTE, TRUST } from "../../support/scenes/policy.ts";

function problemsWith(
  fixtures: Fixtures,
  path: readonly (string | number)[],
  value: Json | undefined,
): readonly string[] {
  const document = documentOf(fixtures);
  put(document, path, value);
  return problemsOf(() => compilePolicy(document));
}

/** Checks that the document has exactly one problem, and that the problem is at exactly this place. */
function faultAt(
  fixtures: Fixtures,
  path: readonly (string | number)[],
  value: Json | undefined,
  pointer?: string,
): void {
  const place = pointer ?? `/${path.map((key) => String(key).replaceAll("/", "~1")).join("/")}`;
  const problems = problemsWith(fixtures, path, value);
  assert.equal(problems.length, 1, `${place}: ${problems.join("; ")}`);
  assert.ok(problems[0]?.startsWith(`${place}: `), `${problems[0]} is not at ${place}`);
}

/** Returns the path of every value in a document, depth first. */
function placesOf(value: Json, path: (string | number)[] = []): (string | number)[][] {
  if (typeof value !== "object" || value === null) return [path];
  const entries = Array.isArray(value) ? value.map((item, index) => [index, item] as const) : Object.entries(value);
  return [path, ...entries.flatMap(([key, member]) => placesOf(member, [...path, key]))];
}

function at(document: Json, path: readonly (string | number)[]): Json {
  return path.reduce((value, key) => (value as never)[key], document);
}

/** Adds a member in the text of the JSON, because an assignment to `__proto__` in JavaScript adds no member. */
function withMember(document: Json, path: readonly (string | number)[], name: string, value: Json): Json {
  const mark = "a member to be named";
  const copy = structuredClone(document);
  Object.assign(at(copy, path) as object, { [mark]: value });
  return JSON.parse(JSON.stringify(copy).replace(JSON.stringify(mark), JSON.stringify(name)));
}

export const cases: Cases = {
  "compilePolicy() refuses half of a surrogate pair in a name, because it would become another character": (
    fixtures,
  ) => {
    const entry = `/${ENTRY.join("/")}`;
    faultAt(fixtures, [...ENTRY, "subject"], "CN=a\udc00", entry);
    faultAt(fixtures, [...ENTRY, "issuer"], "CN=\ud800", entry);
    faultAt(fixtures, [...ENTRY, "subject"], { "\ud800": "a" }, entry);
    faultAt(fixtures, ["deny"], [{ serial: "1", issuer: "CN=\ud800" }], "/deny/0");
  },
  "compilePolicy() names each member that it does not know (Members of every object)": (fixtures) => {
    const whole = { ...documentOf(fixtures), deny: [] } as Readonly<Record<string, Json>>;
    const sender = {
      signature: { scheme: "docusign", secrets: ["A"], accounts: { x: ["B"] } },
      eventKey: { header: "Id" },
    };
    put(whole as never, ["senders", "signed"], sender);
    put(whole as never, [...ENTRY, "subject"], { CN: "x" });
    put(whole as never, [...ENTRY, "san"], { dns: ["x.example"] });
    const objects = placesOf(whole).filter((path) => !/^[^{]/.test(JSON.stringify(at(whole, path))));
    assert.ok(objects.length > 12, `${objects.length}`);
    const names = ["constructor", "prototype", "__proto__", "toString", "valueOf", "hasOwnProperty"];
    for (const path of objects) {
      for (const name of names) {
        for (const value of [1, "x", ["X"], {}, whole["anchors"]]) {
          const document = withMember(whole, path, name, value as Json);
          const pointer = `/${[...path, name].map((key) => String(key).replaceAll("/", "~1")).join("/")}`;
          const told = problemsOf(() => compilePolicy(document)).filter((text) => text.startsWith(`${pointer}: `));
          assert.equal(told.length > 0, true, `${pointer} is ${JSON.stringify(value)}`);
        }
      }
      const two = withMember(withMember(whole, path, "constructor", 1), path, "prototype", 1);
      assert.equal(problemsOf(() => compilePolicy(two)).length >= 2, true, path.join("/"));
    }
  },
  "compilePolicy() compiles anchors, senders, routes and their limits": (fixtures) => {
    const { anchors, senders, routes } = compilePolicy(documentOf(fixtures));
    assert.deepEqual(
      anchors.map(({ name, certificate }) => [name, certificate.base64]),
      [["root", fixtures.certificates.root]],
    );
    assert.deepEqual(
      senders.map(({ name, certificate }) => [name, certificate?.trust.platform, certificate?.trust.maxChainDepth]),
      [["sender", false, 3]],
    );
    assert.deepEqual(routes, [
      {
        path: "/hooks",
        senders,
        shadow: [],
        isObserved: false,
        isQueued: false,
        isAnsweredByHandler: false,
        acknowledgement: undefined,
        methods: ["POST"],
        maxBodyBytes: 1000,
        headers: ["x-signature"],
      },
    ]);
  },
  "compilePolicy() has default values for limits, but for no security setting": (fixtures) => {
    const { senders, routes } = compilePolicy(policyDocument(fixtures));
    assert.deepEqual(
      [routes[0]?.maxBodyBytes, routes[0]?.headers, senders[0]?.certificate?.trust.maxChainDepth],
      [1024 * 1024, [], 4],
    );
    faultAt(fixtures, [...TRUST], undefined);
    faultAt(fixtures, [...ROUTE, "methods"], undefined);
    faultAt(fixtures, [...ROUTE, "senders"], undefined);
    faultAt(fixtures, ["senders", "sender", "certificates"], undefined);
  },
  "compilePolicy() says that the issuer of a denied serial number is malformed": (fixtures) => {
    const document = documentOf(fixtures);
    put(document, ["deny"], [{ serial: "01", issuer: "no name" }]);
    assert.match(problemsOf(() => compilePolicy(document))[0] ?? "", /^\/deny\/0: no RFC 4514 text in issuer: ./);
  },
  "compilePolicy() lists every problem at once, each with its JSON pointer": (fixtures) => {
    const document = documentOf(fixtures);
    put(document, ["anchors", "root"], "no PEM");
    put(document, [...ENTRY, "subject"], "/CN=slash");
    put(document, [...TRUST, "anchors"], ["root", "absent"]);
    put(document, [...ROUTE, "senders"], ["sender", "nobody", "sender"]);
    put(document, [...ROUTE, "headers"], ["Cookie"]);
    put(document, ["routes", "/a/../b"], { senders: ["sender"], methods: ["POST"] });
    put(document, ["deny"], [{ serial: "01", issuer: "no name" }]);
    const places = problemsOf(() => compilePolicy(document)).map((problem) => problem.split(": ")[0]);
    assert.deepEqual(places.sort(), [
      "/anchors/root",
      "/deny/0",
      "/routes/~1a~1..~1b",
      "/routes/~1hooks/headers/0",
      "/routes/~1hooks/senders/1",
      "/routes/~1hooks/senders/2",
      "/senders/sender/certificates/0",
      "/senders/sender/trust/anchors/1",
    ]);
  },
  "compilePolicy() lists every problem of one sender and of one route at once": (fixtures) => {
    const document = documentOf(fixtures);
    const signature = { scheme: "asana", secrets: ["KEY"] };
    const handshake = { scheme: "asana", until: "2027-02-30" };
    const [eventKey, orderKey] = [{ header: "Host" }, { header: "Cookie" }];
    put(document, ["senders", "asana"], { signature, handshake, eventKey, orderKey });
    put(document, ["senders", "ordered"], { signature, orderKey: { header: "X-Order" } });
    const route = { senders: ["ordered", "nobody"], methods: ["POST"], headers: ["Cookie"] };
    put(document, ["routes", "/a/../b"], { ...route, delivery: "queue", answer: { status: 200 } });
    const problems = problemsOf(() => compilePolicy(document));
    assert.deepEqual(problems.map((problem) => problem.split(": ")[0]).sort(), [
      "/routes/~1a~1..~1b",
      "/routes/~1a~1..~1b",
      "/routes/~1a~1..~1b",
      "/routes/~1a~1..~1b/headers/0",
      "/routes/~1a~1..~1b/senders/1",
      "/senders/asana/eventKey",
      "/senders/asana/handshake/until",
      "/senders/asana/orderKey",
    ]);
  },
  "compilePolicy() lists all problems of form at once": (fixtures) => {
    const document = documentOf(fixtures);
    put(document, [...ENTRY, "sha256"], "00");
    put(document, [...TRUST, "maxChainDepth"], 0);
    put(document, [...ROUTE, "methods"], ["post"]);
    const places = problemsOf(() => compilePolicy(document)).map((problem) => problem.split(": ")[0]);
    assert.deepEqual(places.sort(), [
      "/routes/~1hooks/methods/0",
      "/senders/sender/certificates/0/sha256",
      "/senders/sender/trust/maxChainDepth",
    ]);
  },
  "compilePolicy() refuses unknown members everywhere": (fixtures) => {
    for (const parent of [[], ["senders", "sender"], ENTRY, [...ENTRY, "san"], TRUST, ROUTE, ["deny", 0]]) {
      const problems = problemsWith(fixtures, [...parent, "unknown"], "x");
      assert.ok(problems.length > 0 && problems.every((problem) => !problem.includes('"x"')), problems.join());
    }
  },
  "compilePolicy() refuses unknown members with names that every object inherits": (fixtures) => {
    for (const name of ["constructor", "toString", "hasOwnProperty", "prototype"]) {
      faultAt(fixtures, [...TRUST, name], "x");
    }
    const text = JSON.stringify(documentOf(fixtures)).replace('"trust":{', '"trust":{"__proto__":{"platform":true},');
    assert.ok(problemsOf(() => compilePolicy(JSON.parse(text))).length > 0);
  },
  "compilePolicy() refuses everything that is empty": (fixtures) => {
    for (const document of [{}, [], null, "", undefined, 0])
      assert.ok(problemsOf(() => compilePolicy(document)).length > 0);
    const list: (readonly (string | number)[])[] = [
      ["senders", "sender", "certificates"],
      [...TRUST, "anchors"],
      [...ROUTE, "senders"],
      [...ROUTE, "methods"],
      [...ENTRY, "san", "dns"],
    ];
    for (const path of list) faultAt(fixtures, path, []);
    for (const path of [["senders"], ["routes"], [...ENTRY], [...ENTRY, "san"]]) {
      assert.ok(problemsWith(fixtures, path, {}).length > 0, path.join("/"));
    }
    assert.ok(problemsWith(fixtures, [...TRUST], {}).length > 0);
    for (const path of [
      [...ENTRY, "subject"],
      [...ENTRY, "subject", "CN"],
      [...ENTRY, "san", "dns", 0],
    ]) {
      assert.ok(problemsWith(fixtures, path, "").length > 0, path.join("/"));
    }
    assert.ok(problemsWith(fixtures, [...ENTRY, "subject"], {}).length > 0);
  },
  "compilePolicy() refuses an entry that would admit every client of an issuer": (fixtures) => {
    faultAt(fixtures, [...ENTRY], { issuer: { O: "Countersign Tests" } });
    faultAt(fixtures, [...ENTRY], { from: "2027-01-01" });
  },
  "compilePolicy() refuses trust in neither an anchor nor the platform": (fixtures) => {
    faultAt(fixtures, [...TRUST], { platform: false });
    faultAt(fixtures, [...TRUST], { maxChainDepth: 2 });
  },
  "compilePolicy() refuses any value of another type": (fixtures) => {
    const places = placesOf(documentOf(fixtures)).slice(1);
    fc.assert(
      fc.property(
        fc.constantFrom(...places),
        fc.constantFrom(null, -1, 1.5, true, [], {}, [[]], "\u0000"),
        (path, value) => {
          const isAllowed = path.join() === [...TRUST, "platform"].join() && value === true;
          const isEmptyAllowed = ["deny", "anchors", [...ROUTE, "headers"].join()].includes(path.join());
          fc.pre(!isAllowed && !isEmptyAllowed);
          const isText = typeof value === "string" && /(subject|dns)/.test(path.join());
          fc.pre(!isText);
          assert.ok(problemsWith(fixtures, path, value as Json).length > 0, path.join("/"));
        },
      ),
      { numRuns: 200 },
    );
  },
  "compilePolicy() refuses an anchor that is not exactly one CA certificate in PEM": (fixtures) => {
    const { certificates } = fixtures;
    const bad = [
      "",
      certificates.root,
      pemOf(certificates.direct),
      pemOf(certificates.noUsages),
      pemOf(certificates.namelessRoot),
      pemOf(certificates.root) + pemOf(certificates.stranger),
      pemOf(certificates.root).replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
      pemOf(certificates.root.slice(0, -8)),
      `${pemOf(certificates.root)}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`,
    ];
    for (const pem of bad) faultAt(fixtures, ["anchors", "root"], pem);
    const document = documentOf(fixtures);
    put(document, ["anchors", "root"], ` \n${pemOf(certificates.root).replaceAll("\n", "\r\n")}\n`);
    assert.equal(compilePolicy(document).anchors[0]?.certificate.base64, certificates.root);
  },
};
