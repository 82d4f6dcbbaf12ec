// Tests `countersign policy check` as operators and builds run it, and the same check when a program starts or reloads a policy.

import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { issueCertificate } from "../../../../cli/dev/authority.ts";
import type { Finding } from "../../../../cli/policy/check/finding.ts";
import { runHere } from "../../../support/command.ts";
import { type Finished, ROOT, run } from "../../../support/running.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";

const stack = new AsyncDisposableStack();
const directory = temporaryDirectory(stack);
afterAll(() => stack.disposeAsync());

const DAY_MILLISECONDS = 86_400_000;
const day = (days: number) => new Date(Date.now() + days * DAY_MILLISECONDS);
const date = (days: number) => day(days).toISOString().slice(0, 10);

let root: string;
let expired: string;
let leaf: string;
beforeAll(async () => {
  root = (await issueCertificate({ subject: [{ CN: ["Root"] }], ca: {} })).pem;
  const past = { notBefore: day(-30), notAfter: day(-1) };
  expired = (await issueCertificate({ subject: [{ CN: ["Old Root"] }], ca: {}, ...past })).pem;
  leaf = (await issueCertificate({ subject: [{ CN: ["client"] }] })).pem;
});

type Sender = Record<string, unknown>;

/** Returns the text of a policy with one sender. `more` replaces members of the policy. */
function policyText(sender: Sender = {}, more: object = {}): string {
  const one = { certificates: [{ subject: { CN: "a" } }], trust: { anchors: ["root"] }, ...sender };
  const policy = {
    anchors: { root },
    senders: { one },
    routes: { "/hooks": { senders: ["one"], methods: ["POST"] } },
    ...more,
  };
  return JSON.stringify(policy, null, 2);
}

function fileOf(text: string, name = "policy.json"): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

const check = (text: string, ...options: string[]) =>
  runHere(["policy", "check", "--policy", fileOf(text), ...options]);

interface Result {
  readonly ok: boolean;
  readonly problems: readonly string[];
  readonly findings: readonly (Finding & { readonly line: number; readonly column: number })[];
}
const resultOf = ({ stdout }: Finished) => JSON.parse(stdout) as Result;

/** Returns each finding as `severity pointer`. */
async function placesIn(text: string): Promise<{ code: number; places: string[] }> {
  const finished = await check(text, "--json");
  const { findings } = resultOf(finished);
  for (const { remedy } of findings) expect(remedy).not.toBe("");
  return { code: finished.code, places: findings.map(({ severity, pointer }) => `${severity} ${pointer}`) };
}

describe("countersign policy check", () => {
  const entries = (...certificates: object[]) => policyText({ certificates });
  const now = { subject: { CN: "a" } };
  it.each<readonly [string, () => string, string]>([
    ["an unknown member", () => policyText({ trusts: {} }), "/senders/one/trusts"],
    ["an empty matcher", () => entries(now, {}), "/senders/one/certificates/1"],
    ["a repeated matcher", () => entries(now, now), "/senders/one/certificates/1"],
    [
      "a matcher that matches nothing",
      () => entries({ san: { dns: ["é.test"] } }),
      "/senders/one/certificates/0/san/dns/0",
    ],
    ["an anchor that is no CA", () => policyText({}, { anchors: { root: leaf } }), "/anchors/root"],
    ["an expired anchor", () => policyText({}, { anchors: { root: expired } }), "/anchors/root"],
    ["windows that all ended", () => entries({ ...now, until: date(-2) }), "/senders/one/certificates"],
    [
      "a gap that lasts",
      () => entries({ ...now, until: date(-2) }, { ...now, from: date(3) }),
      "/senders/one/certificates/1/from",
    ],
    [
      "a factor that is void",
      () => {
        const { senders } = JSON.parse(policyText()) as { senders: { one: Sender } };
        const two = { ...senders.one, signature: { scheme: "github", secrets: ["KEY"] } };
        const routes = { "/hooks": { senders: ["two", "one"], methods: ["POST"] } };
        return policyText({}, { senders: { ...senders, two }, routes });
      },
      "/senders/two/signature",
    ],
  ])("names %s and ends with 2", async (_, text, pointer) => {
    const { code, places } = await placesIn(text());
    expect(places).toContain(`error ${pointer}`);
    expect(code).toBe(2);
  });

  it("names every member that is written twice, at its line, and every other problem", async () => {
    const text = `{
  "anchors": {},
  "senders": {
    "a": { "signature": { "scheme": "github", "secrets": ["A"], "secrets": ["B"] } },
    "a": { "signature": { "scheme": "github", "secrets": ["A"] } }
  },
  "routes": {
    "/x": { "senders": ["a"], "methods": ["POST"] },
    "/x": { "senders": ["b"], "methods": ["POST"] }
  }
}`;
    const { findings } = resultOf(await check(text, "--json"));
    expect(findings.map(({ pointer, line, column }) => [pointer, line, column])).toEqual([
      ["/senders/a/signature/secrets", 4, 65],
      ["/senders/a", 5, 5],
      ["/routes/~1x", 9, 5],
      // Two routes have this pointer. The last route takes effect, and the problem is there. The reported line is in the first
      // route. That is enough, because the operator must change one of the two routes.
      ["/routes/~1x/senders/0", 8, expect.any(Number)],
    ]);
  });

  it.each([
    ["a comment", '{\n  // no\n  "anchors": {} }', "line 2, column 3"],
    ["a trailing comma", '{ "anchors": {}, }', "line 1, column 18"],
    ["half a file", '{ "anchors": {', "line 1, column 15"],
  ])("says where %s is", async (_, text, position) => {
    const { code, stderr } = await check(text);
    expect(code).toBe(2);
    expect(stderr).toContain(`policy.json is not JSON: at ${position}`);
    expect(resultOf(await check(text, "--json"))).toMatchObject({ ok: false, findings: [] });
  });

  it("prints one line a finding, with file, line and column", async () => {
    const { stdout, stderr } = await check(entries(now, now));
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^error +\S*policy\.json:\d+:\d+ {2}\/senders\/one\/certificates\/1: repeats .* → remove one of them$/m,
    );
  });

  it("warns of a sender that drops events at a 4xx, until its refusals are chosen", async () => {
    const of = async (preset: string, more: Sender = {}) =>
      (await placesIn(policyText({ about: { preset }, ...more }))).places;
    expect(await of("pagerduty")).toEqual(["warning /senders/one"]);
    for (const refusal of ["retry", "retry-429", "final"]) expect(await of("pagerduty", { refusal })).toEqual([]);
    expect(await of("workfront")).toEqual([]);
    expect(await of("no such preset")).toEqual([]);
  });

  it("warns of a route that refuses the largest events of a sender", async () => {
    const route = { senders: ["one"], methods: ["POST"] };
    const routes = { "/small": { ...route, maxBodyBytes: 262_143 }, "/large": { ...route, maxBodyBytes: 262_144 } };
    const { code, places } = await placesIn(
      policyText({ about: { preset: "pagerduty" }, refusal: "retry" }, { routes: { ...routes, "/default": route } }),
    );
    expect({ code, places }).toEqual({ code: 0, places: ["warning /routes/~1small/maxBodyBytes"] });
  });

  it("passes with warnings, unless it is strict", async () => {
    const text = entries({ ...now, until: date(-2) }, { subject: { CN: "b" } });
    const lenient = await check(text);
    expect(lenient).toMatchObject({ code: 0, stdout: expect.stringContaining("is sound") });
    expect(lenient.stderr).toMatch(/^warning .*certificates\/0\/until: ended on /m);
    expect((await check(text, "--strict")).code).toBe(2);
    expect(resultOf(await check(text, "--json"))).toMatchObject({ ok: true, problems: [] });
    expect(resultOf(await check(text, "--json", "--strict"))).toMatchObject({
      ok: false,
      problems: [expect.any(String)],
    });
  });

  it("names the modes that do not start with a policy, and says why", async () => {
    const signed = { senders: { one: { signature: { scheme: "github", secrets: ["KEY"] } } }, anchors: {} };
    const listed = { anchors: { root: { certificate: root, crls: { sources: ["ca.crl"], freshness: "prefer" } } } };
    const inFront = { senders: { one: { certificates: [now], trust: { platform: true } } }, anchors: {} };
    const require = "origin --tls --client-certificates require";
    const request = "origin --tls --client-certificates request";
    for (const [more, missing, why] of [
      [signed, [require], "/senders/one: presents no certificate"],
      [listed, ["edge", "dev"], "/anchors/root/crls/sources/0: there are no files on the edge"],
      [inFront, [request, require], "/anchors: no route uses an anchor"],
    ] as const) {
      const text = policyText({}, more);
      const { code, stdout, stderr } = await check(text);
      const [, ways = ""] = /is sound for (.*): 1 route/.exec(stdout) ?? [];
      const all = ["edge", "origin", request, require, "origin --behind-proxy", "dev"];
      expect({ code, ways: ways.split(", ") }).toEqual({
        code: 0,
        ways: all.filter((way) => !missing.includes(way as never)),
      });
      for (const way of missing) expect(stderr).toContain(`${way} does not start with ${fileOf(text)}: ${why}`);
      const { ways: problems } = JSON.parse((await check(text, "--json")).stdout) as { ways: Record<string, string[]> };
      expect(Object.keys(problems).filter((way) => problems[way]?.length !== 0)).toEqual(missing);
    }
    expect((await check(policyText())).stdout).toMatch(/policy\.json is sound: 1 route\(s\), digest [0-9a-f]{64}\n$/);
  });

  it("says what a policy needs on the edge and at the origin", async () => {
    const sender = { signature: { scheme: "github", secrets: ["KEY"] }, trust: { anchors: ["root"], platform: true } };
    const route = { senders: ["one"], methods: ["POST"] };
    const routes = { "/a": { ...route, answer: "handler" }, "/b": { ...route, delivery: "queue" } };
    const crls = { sources: ["https://crl.example/a?HUSH"], freshness: "prefer" };
    const { stdout } = await check(policyText(sender, { routes, anchors: { root: { certificate: root, crls } } }));
    expect(stdout.split("\n").slice(1, -1)).toEqual([
      expect.stringMatching(/^needs {2}secrets KEY: on the edge by npx wrangler secret put; of dev, /),
      "needs  the binding CRLS on the edge, for revocation lists",
      "needs  the bindings EVENTS and BODIES on the edge, for the queue",
      "needs  --handler or --upstream at an origin, --handler in dev: the handler answers at /a",
      expect.stringMatching(/^needs {2}the edge in front: nobody is admitted as one without Cloudflare's verdict/),
    ]);
    expect(stdout).not.toContain("HUSH");
  });

  it("requires more of the policy of an edge", async () => {
    const crls = { sources: ["ca.crl"], freshness: "require" };
    const text = policyText({}, { anchors: { root: { certificate: root, crls } } });
    expect((await check(text)).code).toBe(0);
    const { code, stderr } = await check(text, "--edge");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("/anchors/root/crls/sources/0: ") });
  });
});

describe("every command that reads a policy", () => {
  const twice = '{ "anchors": {}, "anchors": {}, "senders": {}, "routes": {} }';
  const origin = ["origin", "--issuer", "https://edge.test", "--audience", "here"];
  it.each([
    ["policy show", ["policy", "show"]],
    ["policy add", ["policy", "add", "--sender", "one"]],
    ["origin", origin],
    ["origin --tls", ["origin", "--tls", "--client-certificates", "request"]],
    ["origin --behind-proxy", ["origin", "--behind-proxy", "nginx"]],
    ["dev", ["dev", "--port", "0", "--state", join(directory, "state")]],
  ])("refuses a member that is written twice: %s", async (_, args) => {
    const { code, stderr } = await runHere([...args, "--policy", fileOf(twice)]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/\/anchors: .*is written a second time at line 1, column 18/);
    expect(readFileSync(fileOf(twice), "utf8")).toBe(twice);
  });

  it.each([
    ["https://user:HUSH@keys.example/jwks.json?HUSH", "https://keys.example/jwks.json?…: keys are public: take user"],
    ["http://user:HUSH@keys.example/?HUSH", "http://keys.example/?…: keys fetched over plain HTTP"],
    ["ftp://user:HUSH@keys.example/", "ftp://keys.example/: is neither a file nor an https URL"],
    ["https://user:HU/SH@keys.example", "…: is neither a file nor an https URL"],
  ])("origin: says what is wrong with --jwks, and nothing that may be a secret", async (jwks, told) => {
    const { code, stderr } = await runHere([...origin, "--jwks", jwks]);
    expect(code).toBe(2);
    expect(stderr).toContain(`--jwks ${told}`);
    expect(stderr).not.toMatch(/HUSH|user:/);
  });

  it("origin: a contradiction prevents the start, and a date in the past only causes a warning", async () => {
    const start = (text: string) => runHere([...origin, "--policy", fileOf(text)]);
    const now = { subject: { CN: "a" } };
    const contradiction = await start(policyText({ certificates: [now, now] }));
    expect(contradiction.stderr).toMatch(
      /- \S+\.json: \/senders\/one\/certificates\/1: repeats .* → remove one of them/,
    );
    // This start fails in any case, because `--jwks` is missing. The error names only `--jwks`, so the dates did not prevent the
    // start.
    const overdue = await start(
      policyText({ certificates: [{ ...now, until: date(-2) }] }, { anchors: { root: expired } }),
    );
    const [first, second, ...rest] = overdue.stderr.trim().split("\n");
    expect(JSON.parse(first ?? "")).toMatchObject({ decision: "warning", severity: "error", pointer: "/anchors/root" });
    expect(JSON.parse(second ?? "")).toMatchObject({ pointer: "/senders/one/certificates" });
    expect(rest.join("\n")).toMatch(/^countersign: origin: --jwks is required/);
  });
});

describe("wrangler's build", () => {
  /** Makes a copy of this project. The copy has the given policy instead of the project's own policy. */
  function projectWith(policy: string): string {
    const project = join(directory, `project-${readdirSync(directory).length}`);
    mkdirSync(project);
    for (const name of readdirSync(ROOT).filter((entry) => !/^(\..*|policy\.json)$/.test(entry)))
      symlinkSync(join(ROOT, name), join(project, name));
    writeFileSync(join(project, "policy.json"), policy);
    return project;
  }
  const build = (project: string) =>
    run(
      "sh",
      ["-c", `cd '${project}' && node node_modules/wrangler/bin/wrangler.js deploy --dry-run --outdir out`],
      "",
      {
        // Local edges in other test files set WRANGLER_LOG so that wrangler prints only errors. These tests need the rest of the
        // output too.
        WRANGLER_LOG: "log",
      },
    );

  it("bundles a sound policy", async () => {
    const { code, stdout } = await build(projectWith(policyText()));
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/policy\.json is sound[\s\S]*gzip/) });
  });

  it("fails with the findings of a policy that is not sound", async () => {
    const { code, stdout, stderr } = await build(projectWith(policyText({}, { anchors: { root: expired } })));
    expect(code).not.toBe(0);
    expect(stdout + stderr).toMatch(/error .*policy\.json:\d+:\d+ {2}\/anchors\/root: expired on .* → replace it by/);
    expect(stdout).not.toContain("gzip");
  });

  it("checks the file that is built in", () => {
    const toml = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
    const [, file = "?"] = /^"countersign:policy" = "(.*)"$/m.exec(toml) ?? [];
    expect(toml).toContain(`policy check --edge --policy ${file} --wrangler ./wrangler.toml"`);
    expect(toml).toContain(`watch_dir = "${file}"`);
  });
});
