// Tests the published package. It is installed from its tarball into an empty folder, and used there.

import { copyFileSync, cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestHarness } from "wrangler";
import { WORKER } from "../../cli/dev/local-edge.ts";
import { publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { ROOT, type Running, startCountersign } from "../support/running.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, MARKER } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { bytesOf, install, installRuntimes, npm, pack, runIn } from "./world.ts";

/** The maximum size of all files that a production installation puts on the disk. */
const MAX_INSTALLED_BYTES = 25 * 1024 * 1024;
const PROGRAM = "node_modules/countersign/dist/cli/main.js";

const stack = new AsyncDisposableStack();
let directory: string;
let tarball: string;
let project: string;
let fixture: Awaited<ReturnType<typeof makeFixture>>;
let runtimes: Readonly<Record<string, readonly string[]>>;
const countersign = (...args: readonly string[]) => runIn(project, process.execPath, PROGRAM, ...args);

beforeAll(async () => {
  directory = temporaryDirectory(stack);
  tarball = await pack(directory);
  project = join(directory, "project");
  await install(project, tarball);
  runtimes = await installRuntimes(join(directory, "runtimes"));
  copyFileSync(join(ROOT, "test/package/check.mjs"), join(project, "check.mjs"));
  copyFileSync(join(ROOT, "policy.json"), join(project, "policy.json"));
  fixture = await makeFixture();
  writeFileSync(join(project, "fixture.json"), JSON.stringify(fixture));
});
afterAll(() => stack.disposeAsync());

/**
 * Makes the requests with which an edge forwards an event, a replay of the event, and the same event with a different body. Also
 * returns the policy, keys, issuer and audience that an origin needs to judge these requests.
 */
async function makeFixture() {
  const senders = await createSenders();
  const key = await newSigningKey();
  const now = Math.floor(Date.now() / 1000);
  const { digest } = compilePolicy(senders.policy);
  const request = forwardedRequest({ key, identity: senders.acme, policyDigest: digest, now, body: '{"n":1}' });
  return {
    document: senders.policy,
    jwks: { keys: [publicJwk(key)] },
    issuer: ISSUER,
    audience: AUDIENCE,
    now,
    requests: [request, request, { ...request, body: '{"n":2}' }],
    form: forwardedRequest({
      ...{ key, identity: senders.acme, policyDigest: digest, now },
      contentType: "multipart/form-data; boundary=x",
      body: '--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nhold\r\n--x--\r\n',
    }),
  };
}

describe("the tarball", () => {
  test("contains what is built, the unit, the schema, the template, and no source", async () => {
    const [{ files }] = JSON.parse(await npm(ROOT, "pack", "--dry-run", "--ignore-scripts", "--json"));
    const paths = (files as { path: string }[]).map(({ path }) => path);
    const others = paths.filter((path) => !/^dist\/(cli|core|origin|worker)\/.*\.(js|d\.ts)$/.test(path));
    const template = [
      "README.md",
      "handler.ts",
      "package.json",
      "policy.json",
      "src/index.ts",
      "tsconfig.json",
      "wrangler.jsonc",
    ];
    expect(others.sort()).toEqual([
      ...["LICENSE", "README.md", "deploy/countersign.service", "package.json", "policy.schema.json"],
      ...template.map((name) => `template/${name}`),
    ]);
  });

  test("publint finds nothing", async () => {
    const { messages } = await publint({ pkgDir: join(project, "node_modules/countersign"), strict: true });
    expect(messages).toEqual([]);
  });

  test("attw finds types for every door, for programs of ES modules", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    if (analysis.types === false) throw new Error("the package has no types");
    const old = ["node10", "node16-cjs"];
    const problems = analysis.problems.filter(
      (problem) => !("resolutionKind" in problem && old.includes(problem.resolutionKind)),
    );
    expect(Object.keys(analysis.entrypoints)).toEqual(
      expect.arrayContaining([".", "./hono", "./edge", "./node", "./console", "./policy.schema.json"]),
    );
    expect(problems).toEqual([]);
  });
});

describe("an installation", () => {
  test("of production is within 25 MB, and has a bill of materials", async () => {
    const bytes = bytesOf(join(project, "node_modules"));
    const sbom = JSON.parse(await npm(project, "sbom", "--sbom-format", "cyclonedx"));
    const names = (sbom.components as { name: string; version: string }[]).map(({ name }) => name).sort();
    console.log(`installed: ${(bytes / 1024 / 1024).toFixed(1)} MB, ${names.length} packages: ${names.join(" ")}`);
    expect(names).toEqual(expect.arrayContaining(["countersign", "hono", "jose"]));
    for (const optional of ["pg", "wrangler", "@peculiar/x509", "@prometheus-io/client"])
      expect(names).not.toContain(optional);
    expect(bytes).toBeLessThanOrEqual(MAX_INSTALLED_BYTES);
  });

  test("has a command that prints its version, and prints help without loading the other commands", async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect((await runIn(project, "npx", "countersign", "--version")).stdout).toBe(`${version}\n`);
    const { stdout } = await countersign("--help");
    expect(stdout).toMatch(/^ {2}dev .*\n {2}origin /m);
    expect(await countersign("policy", "check")).toMatchObject({ code: 0 });
  });

  test.each([
    ["an inbox in PostgreSQL", ["origin", "--inbox", "postgres://user@127.0.0.1/events"], "pg"],
    ["metrics", ["origin", "--metrics", "0"], "@prometheus-io/client"],
    ["dev", ["dev"], "wrangler @peculiar/x509 reflect-metadata"],
  ])("without the package of %s, names it and the command", async (_, args, packages) => {
    await countersign("keys", "new", "--file", "keys.json");
    writeFileSync(join(project, "jwks.json"), (await countersign("keys", "jwks", "--file", "keys.json")).stdout);
    const edge = args[0] === "origin" ? ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", "jwks.json"] : [];
    const { code, stderr } = await countersign(...args, ...edge);
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining(`which is not installed: npm install ${packages}\n`),
    });
  });
});

describe("the oldest Hono", () => {
  test("lets the handler read the body again, also a form, and shows a console", async () => {
    const { peerDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    const old = join(directory, "old");
    await install(old, tarball, `hono@${peerDependencies.hono.replace("^", "")}`);
    writeFileSync(join(old, "fixture.json"), JSON.stringify(fixture));
    copyFileSync(join(ROOT, "test/package/check-form.mjs"), join(old, "check-form.mjs"));
    const { code, stdout, stderr } = await runIn(old, process.execPath, "check-form.mjs");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual([
      [200, { a: "hold" }],
      [200, { n: 1 }],
      [409, expect.objectContaining({ code: "replayed" })],
      ...[200, 200, 200],
    ]);
  });
});

describe("the main job", () => {
  test.each(["Node 22", "Node 24", "Node 26", "Bun", "Deno"])("on %s", async (name) => {
    const [program = "", ...args] = runtimes[name] ?? [];
    const inbox = `${name.replace(" ", "")}.sqlite`;
    const { code, stdout, stderr } = await runIn(project, program, ...args, "check.mjs", "fixture.json", inbox);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(JSON.parse(stdout)).toEqual({
      statuses: [202, 409, 401],
      decisions: expect.arrayContaining(["accepted", "dispatched", "replayed", "body_mismatch"]),
      event: { sender: ACME, subject: `CN=${ACME},O=${MARKER} Inc`, body: '{"n":1}' },
      answers: [200, 200, 200, 200, 200],
      listed: [ACME],
    });
  });

  test.each(["Node 22", "Node 24", "Bun", "Deno"])(
    "is not begun by a listener on %s, which sees no intermediates",
    async (name) => {
      const [program = "", ...args] = runtimes[name] ?? [];
      const options = '{ hostname: "127.0.0.1", port: 0, clientCertificates: "request", state() {}, log() {} }';
      const code = `import { listenTls } from "countersign/node"; await listenTls(() => new Response(), ${options});`;
      writeFileSync(join(project, "listen.mjs"), code);
      const { code: status, stderr } = await runIn(project, program, ...args, "listen.mjs");
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining("needs Node 26.10 or newer") });
    },
  );
});

describe("a project of a user, on the oldest Node", () => {
  let own: string;
  let development: Running;
  const program = () => join(own, PROGRAM);

  beforeAll(async () => {
    own = join(directory, "own");
    await install(own, tarball);
    const made = await runIn(own, "npx", "countersign", "init", "--yes", "--preset", "docusign");
    expect(made).toMatchObject({ code: 0, stderr: "" });
    // Installs the packages that the package.json of the new project requires: wrangler, and the library that makes certificates.
    await npm(own, "install", "--no-audit", "--no-fund");
    const args = ["dev", "--port", "0", "--state", join(own, ".countersign"), "--handler", join(own, "handler.ts")];
    const [node = ""] = runtimes["Node 22"] ?? [];
    development = await startCountersign(args, {}, program(), { node, folder: own, milliseconds: 240_000 });
    stack.defer(() => void development.stop());
  });

  test.each([
    ["good", 202, "accepted"],
    ["expired", 403, "refused"],
  ])("takes a real handshake: client %s gets %i", async (client, status, decision) => {
    const { edge, serverCa, clients } = development.ready;
    const { certificate = "", key = "" } = clients[client] ?? {};
    const files = ["--ca", String(serverCa), "--certificate", certificate, "--key", key];
    const sent = await runIn(own, process.execPath, program(), "send", `${edge}/hooks/example`, ...files);
    expect(sent.stdout).toContain(String(status));
    expect(await development.line({ decision })).toMatchObject({ decision });
  });

  test("passes the event to handler.ts", async () => {
    expect(await development.line({ decision: "dispatched" })).toMatchObject({ attempt: 1 });
  });

  test("says so if Node loses data that a client sends", async () => {
    const [node = ""] = runtimes["Node 24"] ?? [];
    const { code, stderr } = await runIn(own, node, program(), "dev", "--port", "0");
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("this is Node 24.21.0") });
  });

  test("may have an origin in a Worker", async () => {
    writeFileSync(join(own, "fixture.json"), JSON.stringify(fixture));
    const main = join(own, "check-worker.mjs");
    copyFileSync(join(ROOT, "test/package/check-worker.mjs"), main);
    const harness = createTestHarness({ workers: [{ config: { ...WORKER, name: "origin", main } }] });
    stack.defer(() => harness.close());
    await harness.listen();
    const statuses: number[] = [];
    for (const { headers, body } of fixture.requests) {
      const init = { method: "POST", headers: headers as [string, string][], body: body as string };
      statuses.push((await harness.fetch("https://origin.test/hooks/acme", init)).status);
    }
    expect(statuses).toEqual([202, 409, 401]);
  });

  test("is checked and deployed by its own commands", async () => {
    expect(await runIn(own, "npm", "run", "-s", "check")).toMatchObject({ code: 0 });
    const out = join(directory, "out");
    expect(await runIn(own, "npx", "wrangler", "deploy", "--dry-run", "--outdir", out)).toMatchObject({ code: 0 });
    expect(readFileSync(join(out, "index.js"), "utf8")).toMatch(/countersign-assertion/i);
  });
});

describe("a checkout without development dependencies and install scripts", () => {
  test("runs an origin on a Node that the checkout did not install", async () => {
    const checkout = join(directory, "checkout");
    mkdirSync(checkout);
    for (const part of ["core", "worker", "origin", "cli", "package.json", "package-lock.json", "policy.json"])
      cpSync(join(ROOT, part), join(checkout, part), { recursive: true });
    await npm(checkout, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund");
    const [node = ""] = runtimes["Node 22"] ?? [];
    const on22 = (...args: readonly string[]) => runIn(checkout, node, "cli/main.ts", ...args);
    expect(await on22("keys", "new", "--file", "keys.json")).toMatchObject({ code: 0 });
    writeFileSync(join(checkout, "jwks.json"), (await on22("keys", "jwks", "--file", "keys.json")).stdout);
    const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", "jwks.json", "--port", "0"];
    const origin = await startCountersign(["origin", ...edge], {}, "cli/main.ts", { node, folder: checkout });
    expect(origin.ready["origin"]).toMatch(/^http/);
    expect(await origin.stop()).toBe(0);
  });
});
