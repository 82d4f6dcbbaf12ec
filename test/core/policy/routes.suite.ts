// Tests which route of the policy is selected for a path.

import assert from "node:assert/strict";
import fc from "fast-check";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { selectRoute } from "../../../core/policy/policy.ts";
import { type Cases, type Fixtures, policyDocument, problemsOf, refused } from "../../support/scenes/certificates.ts";

function withRoutes(fixtures: Fixtures, ...paths: readonly string[]) {
  const routes = Object.fromEntries(paths.map((path) => [path, { senders: ["sender"], methods: ["POST"] }]));
  return compilePolicy({ ...policyDocument(fixtures), routes });
}

const ROUTES = ["/hooks/*", "/hooks/docusign", "/hooks/docusign/*", "/hooks/docusign/deep/*", "/exact"];

export const cases: Cases = {
  "selectRoute() prefers the exact path, then the longest prefix": (fixtures) => {
    const expected = {
      "/hooks/docusign": "/hooks/docusign",
      "/hooks/docusign/a": "/hooks/docusign/*",
      "/hooks/docusign/deep/a": "/hooks/docusign/deep/*",
      "/hooks/docusign/deep": "/hooks/docusign/*",
      "/hooks/docusigned": "/hooks/*",
      "/hooks/": "/hooks/*",
      "/hooks/a/b/c": "/hooks/*",
      "/exact": "/exact",
    };
    // The result does not depend on the order of the routes in the policy.
    for (const paths of [ROUTES, ROUTES.toReversed()]) {
      const policy = withRoutes(fixtures, ...paths);
      for (const [path, route] of Object.entries(expected))
        assert.equal(selectRoute(policy, path, "POST").path, route, path);
    }
  },
  "selectRoute() finds no route for any other path": (fixtures) => {
    const policy = withRoutes(fixtures, ...ROUTES);
    const others = [
      "/",
      "/hooks",
      "/HOOKS/a",
      "/exact/",
      "/exact/a",
      "/exact%2f",
      "/%65xact",
      "/exactly",
      "",
      "exact",
      "/hook/s",
      "//exact",
    ];
    for (const path of others) {
      const { details } = refused("unknown_route", () => selectRoute(policy, path, "POST"));
      assert.deepEqual(details, { path });
    }
  },
  "selectRoute() uses a root prefix only if no other route matches": (fixtures) => {
    const policy = withRoutes(fixtures, "/*", "/a/*");
    assert.equal(selectRoute(policy, "/b", "POST").path, "/*");
    assert.equal(selectRoute(policy, "/a", "POST").path, "/*");
    assert.equal(selectRoute(policy, "/a/", "POST").path, "/a/*");
  },
  "selectRoute() never finds a shorter prefix if a longer one matches": (fixtures) => {
    const segments = fc.array(fc.constantFrom("a", "b", "ab"), { minLength: 1, maxLength: 4 });
    const paths = fc.uniqueArray(
      segments.map((parts) => `/${parts.join("/")}/*`),
      { minLength: 1, maxLength: 5 },
    );
    fc.assert(
      fc.property(paths, segments, (prefixes, parts) => {
        const policy = withRoutes(fixtures, ...prefixes);
        const path = `/${parts.join("/")}/x`;
        const fitting = prefixes.filter((prefix) => path.startsWith(prefix.slice(0, -1)));
        const longest = fitting.sort((a, b) => b.length - a.length)[0];
        if (longest === undefined) refused("unknown_route", () => selectRoute(policy, path, "POST"));
        else assert.equal(selectRoute(policy, path, "POST").path, longest);
      }),
      { numRuns: 60 },
    );
  },
  "selectRoute() refuses a method that the route does not list, and names the listed methods": (fixtures) => {
    const document = policyDocument(fixtures);
    const policy = compilePolicy({
      ...document,
      routes: { "/hooks": { senders: ["sender"], methods: ["POST", "PUT"] } },
    });
    assert.equal(selectRoute(policy, "/hooks", "PUT").path, "/hooks");
    for (const method of ["GET", "post", "OPTIONS", ""]) {
      const { details } = refused("method_not_allowed", () => selectRoute(policy, "/hooks", method));
      assert.equal(details["allow"], "POST, PUT");
    }
  },
  "compilePolicy() refuses route paths that no request can have": (fixtures) => {
    const bad = [
      "hooks",
      "",
      "/a/../b",
      "/./a",
      "/a/*/b",
      "/a*",
      "/*a",
      "/a/**",
      "//evil.example/a",
      "/a?b",
      "/a#b",
      "/a b",
      "/ä",
      "/a\\b",
      "/a/%2e%2e/b",
      '/"',
      "/a\n",
      "/%61",
      "/a%2fb",
      "/a%2Fb",
    ];
    for (const path of bad) assert.ok(problemsOf(() => withRoutes(fixtures, path)).length > 0, path);
    withRoutes(fixtures, "/", "/a", "/a/", "/*", "/%C3%A4", "/a%20b", "/a.b-c_d~e");
  },
  "compilePolicy() accepts a handler's answer only on routes that the edge does not answer itself": (fixtures) => {
    const withMembers = (members: object) =>
      compilePolicy({
        ...policyDocument(fixtures),
        routes: { "/hooks": { senders: ["sender"], methods: ["POST"], ...members } },
      });
    const isAnswered = (members: object) => withMembers(members).routes[0]?.isAnsweredByHandler;
    assert.equal(isAnswered({}), false);
    assert.equal(isAnswered({ answer: "accepted", delivery: "queue" }), false);
    assert.equal(isAnswered({ answer: "handler", delivery: "direct" }), true);
    const [problem] = problemsOf(() => withMembers({ answer: "handler", delivery: "queue" }));
    assert.match(problem ?? "", /^\/routes\/~1hooks: the edge answers an event of its queue/);
    assert.ok(problemsOf(() => withMembers({ answer: "later" })).length > 0);
  },
  "compilePolicy() refuses a sender with an orderKey on a route with the edge's queue, because the queue keeps no order":
    (fixtures) => {
      const document = policyDocument(fixtures);
      const ordered = { ...document.senders["sender"], orderKey: { header: "x-order" } };
      const withDelivery = (delivery: "queue" | "direct") =>
        compilePolicy({
          ...document,
          senders: { ...document.senders, sender: ordered },
          routes: { "/hooks": { senders: ["sender"], methods: ["POST"], delivery } },
        });
      assert.equal(withDelivery("direct").routes.length, 1);
      const [problem] = problemsOf(() => withDelivery("queue"));
      assert.equal(problem, "/routes/~1hooks: the edge's queue keeps no order, and sender has an orderKey");
    },
  "compilePolicy() refuses names that could be mistaken for something else": (fixtures) => {
    const { sender } = policyDocument(fixtures).senders;
    for (const name of ["", "a b", "a/b", "-a", ".", "é", "a".repeat(65), "a\n"]) {
      const document = { ...policyDocument(fixtures), senders: { sender, [name]: sender } };
      assert.ok(problemsOf(() => compilePolicy(document)).length > 0, JSON.stringify(name));
    }
  },
};
