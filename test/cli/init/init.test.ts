// Tests which files `countersign init` writes, and which files it does not change.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { WORKER } from "../../../cli/dev/local-edge.ts";
import { compile, linkPackages } from "../../api/declarations.ts";
import { askShared } from "../../support/ask-shared.ts";
import { runHere } from "../../support/command.ts";
import { ROOT } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let folder: string;
const file = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(file(name), "utf8");
const init = (...args: readonly string[]) => runHere(["init", folder, "--yes", ...args]);

beforeEach(() => {
  stack = new AsyncDisposableStack();
  folder = join(temporaryDirectory(stack), "own");
});
afterEach(() => stack.disposeAsync());

const COMMON = [".gitignore", "README.md", "package.json", "policy.json", "tsconfig.json"];

describe("writes", () => {
  test.each([
    ["both", ["handler.ts", "src/index.ts", "wrangler.jsonc"]],
    ["edge", ["src/index.ts", "wrangler.jsonc"]],
    ["origin", ["handler.ts"]],
  ])("what --mode %s needs, and no more", async (mode, own) => {
    expect(await init("--mode", mode)).toMatchObject({ code: 0, stderr: "" });
    const written = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name !== "src");
    expect(written.sort()).toEqual([...COMMON, ...own].sort());
    expect(read("README.md").includes("## The edge")).toBe(mode !== "origin");
    expect(read("README.md").includes("origin --issuer")).toBe(mode === "both");
    expect(read("README.md").includes("origin --tls")).toBe(mode === "origin");
    expect(read("README.md").includes("## The origin")).toBe(mode !== "edge");
    const { scripts } = JSON.parse(read("package.json"));
    expect("deploy" in scripts).toBe(mode !== "origin");
    expect(scripts.dev.includes("handler.ts")).toBe(mode !== "edge");
  });

  test("the policy of a preset, and says what is left to do", async () => {
    const { stdout } = await init("--preset", "docusign");
    expect(stdout).toContain("npx wrangler secret put DOCUSIGN_HMAC_KEY");
    const policy = JSON.parse(read("policy.json"));
    expect(Object.keys(policy.senders)).toEqual(["docusign"]);
    expect(unstable_readConfig({ config: file("wrangler.jsonc") }).secrets?.required).toEqual([
      "SIGNING_KEYS",
      "DOCUSIGN_HMAC_KEY",
    ]);
    expect(policy.$schema).toBe("./node_modules/countersign/policy.schema.json");
  });

  test("into an existing package.json only what it lacks", async () => {
    mkdirSync(folder);
    const own = { name: "mine", type: "module", scripts: { dev: "mine" }, dependencies: { countersign: "file:c.tgz" } };
    writeFileSync(file("package.json"), JSON.stringify(own));
    expect(await init()).toMatchObject({ code: 0 });
    const { name, scripts, dependencies, devDependencies } = JSON.parse(read("package.json"));
    expect({ name, dev: scripts.dev, countersign: dependencies.countersign }).toEqual({
      name: "mine",
      dev: "mine",
      countersign: "file:c.tgz",
    });
    expect(Object.keys({ ...dependencies, ...devDependencies })).toEqual(expect.arrayContaining(["hono", "wrangler"]));
    expect(scripts.check).toBe("countersign policy check");
  });
});

describe("writes nothing", () => {
  test("if it would overwrite files, and lists these files", async () => {
    mkdirSync(join(folder, "src"), { recursive: true });
    for (const name of ["policy.json", "src/index.ts", "other.txt"]) writeFileSync(file(name), "mine");
    const { code, stderr } = await init();
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: `countersign: nothing was written, because ${folder} has already:\n  - policy.json\n  - src/index.ts\n`,
    });
    expect(readdirSync(folder).sort()).toEqual(["other.txt", "policy.json", "src"]);
    expect(read("policy.json")).toBe("mine");
  });

  test.each([
    [["--mode", "cloud"], "--mode cloud is none of both, edge, origin"],
    [["--preset", "docusing"], 'there is no preset "docusing"'],
    [["--preset", "private-ca"], "has no anchor: give the CA"],
    [["--anchor", "ca=ca.pem"], "--anchor has no effect without --preset"],
    [["elsewhere"], "one folder"],
  ])("for %j", async (args, message) => {
    const { code, stderr } = await init(...args);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
    expect(existsSync(folder)).toBe(false);
  });

  test("if package.json is not an object", async () => {
    mkdirSync(folder);
    writeFileSync(file("package.json"), "[]");
    expect(await init()).toMatchObject({ code: 2, stderr: expect.stringContaining("is no JSON object") });
    expect(readdirSync(folder)).toEqual(["package.json"]);
  });
});

describe("the template", () => {
  const template = (name: string) => readFileSync(join(ROOT, "template", name), "utf8");

  test("is the same as what init writes without options", async () => {
    await init();
    for (const name of [".gitignore", "handler.ts", "policy.json", "src/index.ts", "tsconfig.json", "wrangler.jsonc"])
      expect(read(name)).toBe(template(name));
    // A project with an edge has no section about an origin that terminates TLS.
    expect(read("README.md")).toBe(template("README.md").replace(/^## The origin alone\n[\s\S]*?(?=^## )/m, ""));
    expect(JSON.parse(read("package.json"))).toEqual(JSON.parse(template("package.json")));
  });

  test("has the policy of this repository", () => {
    const { $schema: _, ...own } = JSON.parse(readFileSync(join(ROOT, "policy.json"), "utf8"));
    const { $schema, ...templates } = JSON.parse(template("policy.json"));
    expect(templates).toEqual(own);
    expect($schema).toBe("./node_modules/countersign/policy.schema.json");
  });

  test("deploys the Worker as wrangler.toml does, and so does dev", () => {
    const deployed = (config: string) => {
      const { name, compatibility_date, compatibility_flags, workers_dev, preview_urls, minify, ...others } =
        unstable_readConfig({ config: join(ROOT, config) });
      const { keep_names, upload_source_maps, vars, secrets, triggers, observability, dev } = others;
      const limits = { keep_names, upload_source_maps, vars, secrets, triggers, observability };
      const { local_protocol, upstream_protocol } = dev;
      return {
        name,
        compatibility_date,
        compatibility_flags,
        workers_dev,
        preview_urls,
        minify,
        ...limits,
        local_protocol,
        upstream_protocol,
      };
    };
    expect(deployed("template/wrangler.jsonc")).toEqual(deployed("wrangler.toml"));
    const { name, compatibility_date, compatibility_flags } = deployed("wrangler.toml");
    const { main: _, ...worker } = WORKER;
    expect(worker).toEqual({ name, compatibility_date, compatibility_flags });
  });
});

describe("compiles under its own tsconfig.json", () => {
  const packages = new AsyncDisposableStack();
  let modules: string;

  beforeAll(async () => {
    modules = temporaryDirectory(packages);
    const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    linkPackages(modules, ...[...Object.keys(dependencies), "hono"].map((name) => [name] as const));
    cpSync(await askShared("package"), join(modules, "node_modules/countersign"), { recursive: true });
  });
  afterAll(() => packages.disposeAsync());

  test.each([
    ["both", "handler.ts"],
    ["edge", "src/index.ts"],
    ["origin", "handler.ts"],
  ])("in mode %s", async (mode, program) => {
    await init("--mode", mode);
    symlinkSync(join(modules, "node_modules"), file("node_modules"));
    // A copy of the program imports a module that does not exist. The compiler must report the error in this copy, and no other
    // error. The error proves that the compiler reads the project.
    mkdirSync(file("src"), { recursive: true });
    writeFileSync(file("src/copy.ts"), read(program).replace('from "countersign', 'from "countersign/none'));
    const told = await compile("-p", folder).catch((error: Error) => error.message);
    const errors = told?.split("\n").filter((line) => line.includes("error TS")) ?? [];
    expect(errors).toContainEqual(expect.stringContaining("countersign/none"));
    expect(errors.filter((line) => !line.includes("src/copy.ts("))).toEqual([]);
  });
});
