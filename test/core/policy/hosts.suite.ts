// Tests routes that name a host: which requests they match, in which form a policy may name a host, and what is reported about such
// routes.

import assert from "node:assert/strict";
import { inspectPolicy } from "../../../cli/policy/check/senders.ts";
import { formatPointer } from "../../../core/configuration-error.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { findRoute, hostsOf, namesHosts, placeOf, selectRoute } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { formatSignedTarget, splitSignedTarget } from "../../../core/request/target.ts";
import { type Cases, type Fixtures, policyDocument, problemsOf, refused } from "../../support/scenes/certificates.ts";

const A = "a.example";
const B = "b.example";

/** Returns a policy with these routes by name. The senders of a route are `one`, `two`, or both. */
function documentWith(fixtures: Fixtures, routes: Readonly<Record<string, readonly string[]>>): PolicyDocument {
  const { anchors, senders } = policyDocument(fixtures) as unknown as PolicyDocument;
  const { sender } = senders as { sender: PolicyDocument["senders"][string] };
  return {
    anchors,
    senders: { one: sender, two: sender },
    routes: Object.fromEntries(
      Object.entries(routes).map(([name, admitted]) => [name, { senders: [...admitted], methods: ["POST"] }]),
    ),
  };
}

const policyWith = (fixtures: Fixtures, routes: Readonly<Record<string, readonly string[]>>) =>
  compilePolicy(documentWith(fixtures, routes));

export const cases: Cases = {
  "selectRoute() finds the routes of a host only on that host, and before routes without a host": (fixtures) => {
    const policy = policyWith(fixtures, {
      [`${A}/events`]: ["one"],
      [`${B}/events`]: ["two"],
      [`${B}/*`]: ["two"],
      "/events": ["one", "two"],
      "/other": ["two"],
    });
    const on = (host: string | undefined, path: string) => selectRoute(policy, path, "POST", host).path;
    assert.equal(on(A, "/events"), `${A}/events`);
    assert.equal(on(B, "/events"), `${B}/events`);
    assert.equal(on(B, "/events/1"), `${B}/*`);
    assert.equal(on(B, "/other"), `${B}/*`);
    assert.equal(on(A, "/other"), "/other");
    for (const host of [`${A}.`, `${A}:8443`, `${A}.:443`]) assert.equal(on(host, "/events"), `${A}/events`, host);
    for (const host of ["c.example", "", undefined, A.toUpperCase(), `x.${A}`, "example", `${A}..`])
      assert.equal(on(host, "/events"), "/events");
    assert.deepEqual([namesHosts(policy), hostsOf(policy)], [true, [A, B]]);
    assert.equal(namesHosts(policyWith(fixtures, { "/events": ["one"] })), false);
    assert.equal(namesHosts(policyWith(fixtures, { [`${A}/events`]: ["one"] })), true);
  },
  "selectRoute() finds no route of a host on another host": (fixtures) => {
    const policy = policyWith(fixtures, { [`${A}/events`]: ["one"], [`${A}/deep/*`]: ["one"] });
    for (const host of [undefined, "", B, `x.${A}`, "A.example"]) {
      for (const path of ["/events", "/deep/1", `/${A}/events`, `//${A}/events`])
        refused("unknown_route", () => selectRoute(policy, path, "POST", host));
    }
    assert.equal(findRoute(policy, "/deep/1", A)?.path, `${A}/deep/*`);
    assert.equal(selectRoute(policy, "/deep/1", "POST", A).path, `${A}/deep/*`);
  },
  "selectRoute() finds a route of a host with a port only at this port": (fixtures) => {
    const policy = policyWith(fixtures, {
      [`${A}:8443/events`]: ["one"],
      [`${A}/events`]: ["two"],
      "[::1]/events": ["one"],
    });
    const on = (host: string) => selectRoute(policy, "/events", "POST", host).path;
    assert.equal(on(`${A}:8443`), `${A}:8443/events`);
    assert.equal(on(`${A}.:8443`), `${A}:8443/events`);
    for (const host of [A, `${A}:443`, `${A}:9`]) assert.equal(on(host), `${A}/events`);
    for (const host of ["[::1]", "[::1]:8443"]) assert.equal(on(host), "[::1]/events");
    refused("unknown_route", () => on("[::2]:8443"));
  },
  "selectRoute() refuses a path that a router without hosts would treat as the route of another host": (fixtures) => {
    const policy = policyWith(fixtures, {
      [`${A}/hooks/acme`]: ["one"],
      [`${A}/all`]: ["one", "two"],
      [`${B}/hooks/*`]: ["two"],
      "/all/*": ["two"],
      "/*": ["two"],
    });
    const { details } = refused("unknown_route", () => selectRoute(policy, "/hooks/acme", "POST", B));
    assert.deepEqual(details, { path: "/hooks/acme", resembles: `${A}/hooks/acme` });
    for (const host of [undefined, "c.example"])
      refused("unknown_route", () => selectRoute(policy, "/HOOKS/acme/", "POST", host));
    assert.equal(selectRoute(policy, "/hooks/acme", "POST", A).path, `${A}/hooks/acme`);
    assert.equal(selectRoute(policy, "/hooks/other", "POST", B).path, `${B}/hooks/*`);
    assert.equal(selectRoute(policy, "/all/", "POST", "c.example").path, "/all/*");
    const hosts = policyWith(fixtures, { [`${A}/hooks/acme`]: ["one"], [`${B}/*`]: ["two"] });
    refused("unknown_route", () => selectRoute(hosts, "/hooks/acme", "POST", B));
    assert.equal(selectRoute(hosts, "/other", "POST", B).path, `${B}/*`);
  },
  "selectRoute() refuses a path that a tolerant router would treat as another route of the same host": (fixtures) => {
    const policy = policyWith(fixtures, {
      [`${A}/*`]: ["one"],
      [`${B}/Events`]: ["one"],
      "/events": ["two"],
      "/shared": ["one"],
    });
    // The route `/events` without a host belongs to other senders. The request must be refused, because a router that ignores the
    // host would run the handler of that route.
    const { details } = refused("unknown_route", () => selectRoute(policy, "/events", "POST", A));
    assert.deepEqual(details, { path: "/events", resembles: "/events" });
    refused("unknown_route", () => selectRoute(policy, "/events", "POST", B));
    refused("unknown_route", () => selectRoute(policy, "/Events", "POST", B));
    assert.equal(selectRoute(policy, "/shared", "POST", A).path, `${A}/*`);
    refused("unknown_route", () => selectRoute(policy, "/events", "POST", "c.example"));
    assert.equal(selectRoute(policy, "/shared", "POST", "c.example").path, "/shared");
  },
  "selectRoute() lets hosts share a path, with any senders": (fixtures) => {
    const policy = policyWith(fixtures, { [`${A}/events`]: ["one"], [`${B}/events`]: ["two"], "/events": ["two"] });
    assert.equal(selectRoute(policy, "/events", "POST", A).path, `${A}/events`);
    assert.equal(selectRoute(policy, "/events", "POST", B).path, `${B}/events`);
    for (const host of [A, B, "c.example"])
      refused("unknown_route", () => selectRoute(policy, "/EVENTS", "POST", host));
  },
  "compilePolicy() accepts a host only in the form that requests have": (fixtures) => {
    const places = (name: string) => {
      const problems = problemsOf(() => policyWith(fixtures, { [name]: ["one"] }));
      return problems.map((text) => text.slice(formatPointer(["routes", name]).length + 2));
    };
    for (const host of [
      A,
      "xn--bcher-kva.example",
      "a.example:8443",
      "192.0.2.1",
      "[2001:db8::1]",
      "[::1]:8443",
      "localhost",
      "a_b.example",
    ])
      assert.equal(policyWith(fixtures, { [`${host}/events`]: ["one"] }).routes[0]?.path, `${host}/events`, host);
    const spelled: readonly (readonly [string, string])[] = [
      ["A.example", A],
      ["a.example.", A],
      ["a.example.:8443", "a.example:8443"],
      ["a.example:443", A],
      ["bücher.example", "xn--bcher-kva.example"],
      ["192.0.2.01", "192.0.2.1"],
      ["[2001:DB8::1]", "[2001:db8::1]"],
      ["a。example", A],
    ];
    for (const [written, usual] of spelled) {
      const told = places(`${written}/events`);
      assert.deepEqual(told, written === usual ? [] : [`write the host as requests have it: ${usual}`], written);
    }
    const malformed = "an absolute path, exact or ending in /*";
    for (const name of [
      "events",
      "hooks/acme",
      "https://a.example/x",
      "http:/x",
      "a.example",
      "user@a.example/x",
      "a b.example/x",
      "*.example/x",
      "a.example?/x",
      "a%2eexample/x",
      "[::1/x",
      "a.example:99999/x",
      "a.example:x/y",
    ]) {
      const told = places(name);
      assert.ok(
        told.length > 0 && told.every((text) => text === malformed || text.startsWith("a * may only")),
        `${name}: ${told}`,
      );
    }
    assert.deepEqual(places(`${A}/.well-known/jwks.json`), ["the edge publishes its keys there"]);
    assert.deepEqual(places(`${A}/a/../b`), ["write it as requests have it: /b"]);
  },
  "inspectPolicy() reports a path of a host that a router treats as another path": (fixtures) => {
    const document = documentWith(fixtures, { [`${A}/Events`]: ["one"], "/events": ["two"], [`${B}/:id`]: ["one"] });
    const found = inspectPolicy(document, compilePolicy(document), fixtures.now);
    const at = (pointer: string) =>
      found.filter((finding) => finding.pointer === pointer).map(({ problem }) => problem);
    assert.match(at(`/routes/${A}~1Events`).join(), /every request is refused.*\/events/);
    assert.match(at(`/routes/${B}~1:id`).join(), /a path in a policy has no parameters/);
    assert.match(at("/routes/~1events").join(), /every request is refused.*a\.example\/Events/);
  },
  "inspectPolicy() reports which paths of other routes a prefix hides": (fixtures) => {
    const found = (routes: Readonly<Record<string, readonly string[]>>) => {
      const document = documentWith(fixtures, routes);
      const findings = inspectPolicy(document, compilePolicy(document), fixtures.now);
      return findings.flatMap(({ pointer, problem }) => {
        const path = /^requests for (\S+) (?:on this host )?are refused/.exec(problem)?.[1];
        return path === undefined ? [] : `${pointer} ${path}`;
      });
    };
    assert.deepEqual(found({ [`${A}/*`]: ["one"], "/events": ["two"], "/deep/*": ["two"], "/both": ["one", "two"] }), [
      `/routes/${A}~1* /events`,
      `/routes/${A}~1* /deep/*`,
    ]);
    assert.deepEqual(found({ [`${A}/*`]: ["one"], [`${A}/events`]: ["one"], "/events": ["two"] }), []);
    assert.deepEqual(found({ [`${A}/hooks/*`]: ["one"], "/events": ["two"], [`${B}/events`]: ["two"] }), []);
    assert.deepEqual(found({ [`${A}/hooks/acme`]: ["one"], [`${B}/hooks/*`]: ["two"], "/hooks/*": ["two"] }), [
      `/routes/${B}~1hooks~1* /hooks/acme`,
      "/routes/~1hooks~1* /hooks/acme",
    ]);
    assert.deepEqual(found({ [`${A}/*`]: ["one"], [`${B}/*`]: ["two"] }), []);
  },
  "the signed target contains the host of the route, and no other target begins in this way": () => {
    for (const [target, host, signed] of [
      ["/events?a=//b", "", "/events?a=//b"],
      ["/events?a=//b", A, `//${A}/events?a=//b`],
      ["/", "[::1]:8443", "//[::1]:8443/"],
    ] as const) {
      assert.equal(formatSignedTarget(target, host), signed);
      assert.deepEqual(splitSignedTarget(signed), [host, target]);
    }
    assert.deepEqual(placeOf({ path: "/a/b" }), ["", "/a/b"]);
    assert.deepEqual(placeOf({ path: `${A}:1/a/*` }), [`${A}:1`, "/a/*"]);
  },
};
