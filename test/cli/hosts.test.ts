// Tests routes that name a host, with every command that names a route.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { findDeploymentProblems } from "../../cli/cloudflare/deployment-check.ts";
import { readWranglerFile } from "../../cli/cloudflare/wrangler-file.ts";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { openSqliteInbox } from "../../origin/inbox/sqlite/inbox.ts";
import { runHere } from "../support/command.ts";
import { WRANGLER_TOML } from "../support/edge-bundle.ts";
import { deliveryOf } from "../support/inbox.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const HOST = "hooks.acme.example";
const ROUTE = `${HOST}/events`;
const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const folder = temporaryDirectory(stack);
const file = (name: string) => join(folder, name);
const root = await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} });
const acme = await issueCertificate({ subject: [{ CN: ["acme"] }] }, root);
const beta = await issueCertificate({ subject: [{ CN: ["beta"] }] }, root);
writeFileSync(file("acme.pem"), acme.pem);
writeFileSync(file("beta.pem"), beta.pem);

const sender = (CN: string) => ({ certificates: [{ subject: { CN } }], trust: { anchors: ["root"] } });
const route = (name: string) => ({ senders: [name], methods: ["POST"] });
const POLICY = {
  anchors: { root: root.pem },
  senders: { acme: sender("acme"), beta: sender("beta") },
  routes: { [ROUTE]: route("acme"), "/events": route("beta") },
};
const policyFile = file("policy.json");
beforeEach(() => writeFileSync(policyFile, JSON.stringify(POLICY, null, 2)));

const command = (...args: string[]) => runHere([...args, "--policy", policyFile]);
const routes = () => JSON.parse(readFileSync(policyFile, "utf8")).routes;

test("policy add makes a route of a host, by --host or by its name, and policy remove removes it", async () => {
  const add = (...args: string[]) => command("policy", "add", "--sender", "beta", ...args);
  expect(await add("--route", "/new", "--host", HOST)).toMatchObject({ code: 0 });
  expect(await add("--route", ROUTE)).toMatchObject({ code: 0 });
  expect(routes()).toMatchObject({ [`${HOST}/new`]: { senders: ["beta"] }, [ROUTE]: { senders: ["acme", "beta"] } });
  expect(await command("policy", "remove", "--route", `${HOST}/new`)).toMatchObject({ code: 0 });
  expect(Object.keys(routes())).toEqual([ROUTE, "/events"]);
});

test.each([
  [["--host", HOST], /--host hooks\.acme\.example needs --route with a path/],
  [["--host", HOST, "--route", ROUTE], /needs --route with a path/],
  [["--host", "Hooks.Acme.example", "--route", "/x"], /write the host as requests have it: hooks\.acme\.example/],
  [["--host", "hooks.acme.example.", "--route", "/x"], /write the host as requests have it: hooks\.acme\.example/],
  [["--host", "https://hooks.acme.example", "--route", "/x"], /an absolute path.* a policy contains no scheme/],
  [["--host", "hooks", "--route", "/x"], /an absolute path, exact or ending in/],
])("policy add %j is refused in one sentence, and nothing is written", async (args, message) => {
  const { code, stderr } = await command("policy", "add", "--sender", "beta", ...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  expect(routes()).toEqual(POLICY.routes);
});

test("policy check and show name the route by its host", async () => {
  expect(await command("policy", "check")).toMatchObject({ code: 0 });
  const shown = await command("policy", "show");
  expect(shown.stdout).toMatch(/hooks\.acme\.example\/events/);
});

test.each([
  ["acme.pem", ["--route", ROUTE], "accepted", ROUTE],
  ["beta.pem", ["--route", ROUTE], "refused", ROUTE],
  ["beta.pem", ["--route", "/events"], "accepted", "/events"],
  ["acme.pem", ["--url", `https://${ROUTE}?a=1`], "accepted", ROUTE],
  ["acme.pem", ["--url", "https://other.example/events"], "refused", "/events"],
  ["beta.pem", ["--url", "https://other.example/events"], "accepted", "/events"],
])("explain %s %j is %s by the route %s", async (certificate, asked, verdict, path) => {
  const { stdout } = await command("explain", "--certificate", file(certificate), ...asked, "--json");
  const explanation = JSON.parse(stdout);
  expect(explanation).toMatchObject({ verdict, route: { path } });
  expect(explanation.ways).toContainEqual(
    expect.objectContaining({
      way: "origin behind the edge",
      verdict: verdict === "accepted" ? "accepted" : "not reached",
    }),
  );
});

test("policy try judges a stored event by the route of its host", async () => {
  const location = file("inbox.sqlite");
  const inbox = openSqliteInbox(location);
  const store = (id: string, target: string, identity: typeof acme, name: string) => {
    const delivery = deliveryOf({ id, sender: name, identity, target });
    const mtls = { ...delivery, factors: ["mtls"], reliedOnEdge: [] } as unknown as typeof delivery;
    return inbox.accept(mtls, { issuer: "edge", jti: id, expires: Math.floor(Date.now() / 1000) + 60 });
  };
  await store("of-acme", `//${ROUTE}?a=1`, acme, "acme");
  await store("of-beta", "/events", beta, "beta");
  await inbox.close();
  const changed = { ...POLICY, routes: { ...POLICY.routes, [ROUTE]: route("beta") } };
  writeFileSync(file("changed.json"), JSON.stringify(changed));
  const tried = await command("policy", "try", file("changed.json"), "--inbox", location, "--json");
  expect(tried.code).toBe(1);
  expect(tried.stdout).toContain("of-acme");
  expect(tried.stdout).not.toContain("of-beta");
  const listed = await runHere(["inbox", "list", "--inbox", location, "--route", ROUTE, "--json"]);
  expect(listed.stdout).toMatch(/"of-acme"/);
  expect(listed.stdout).not.toMatch(/of-beta/);
});

test("the check of a deployment reports each host that the edge does not serve", async () => {
  writeFileSync(file("wrangler.toml"), readFileSync(WRANGLER_TOML, "utf8"));
  const config = await readWranglerFile(file("wrangler.toml"), undefined);
  expect(findDeploymentProblems(compilePolicy(POLICY), config)).toEqual([
    {
      code: "vars_wrong",
      text: `/vars/HOSTS: lacks ${HOST}: no request reaches the routes of the policy that name it`,
    },
  ]);
  const served = { ...config, vars: { ...config.vars, HOSTS: ["hooks.example.com", HOST] } };
  expect(findDeploymentProblems(compilePolicy(POLICY), served)).toEqual([]);
});
