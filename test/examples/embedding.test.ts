// Runs the programs of examples/ and of docs/hono.md without changes, with the built package. Each program must accept a genuine
// event, and must refuse a replay of that event and an event that nobody signed.

import { type ChildProcess, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parse as parseJsonc } from "jsonc-parser";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestHarness } from "wrangler";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { compile, linkPackages, ROOT } from "../api/declarations.ts";
import { askShared } from "../support/ask-shared.ts";
import { type ForwardedEvent, forwardedRequest } from "../support/forgery.ts";
import { exchange, type HeaderList } from "../support/http.ts";
import { run, startCountersign } from "../support/running.ts";
import { ACME, AUDIENCE, createSenders, ISSUER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { TlsSender } from "../support/tls-client.ts";
import { issueServers } from "../support/tls-origin.ts";

const stack = new AsyncDisposableStack();
const PYTHON = "/usr/bin/python3";
const EXAMPLES = join(ROOT, "examples");
const PROGRAMS = readdirSync(EXAMPLES).filter((name) => name.includes("."));
let project: string;
let senders: Senders;
let event: ForwardedEvent;

beforeAll(async () => {
  project = temporaryDirectory(stack);
  cpSync(await askShared("package"), join(project, "node_modules/countersign"), { recursive: true });
  const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { dependencies: object };
  linkPackages(project, ...Object.keys(dependencies).map((name) => [name] as const));
  linkPackages(project, ["hono"], ["express5", "express"], ["@types/node"], ["@cloudflare/workers-types"]);
  for (const name of PROGRAMS) cpSync(join(EXAMPLES, name), join(project, name));
  senders = await createSenders();
  const key = await newSigningKey();
  event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest, body: '{"n":1}' };
  write("package.json", { type: "module" });
  write("policy.json", senders.policy);
  write("jwks.json", { keys: [publicJwk(key)] });
});
afterAll(() => stack.disposeAsync());

function write(name: string, content: object | string): void {
  writeFileSync(join(project, name), typeof content === "string" ? content : JSON.stringify(content));
}

/** Writes a certificate for a host to `NAME.pem` in the project, and the key of the certificate to `NAME.key`. */
async function writeServer(host: string, name: string): Promise<{ readonly ca: string }> {
  const { ca, hosts } = await issueServers(host);
  write(`${name}.pem`, hosts.map(({ certificate }) => certificate).join(""));
  write(`${name}.key`, hosts.map(({ key }) => key).join(""));
  return { ca };
}

/** Starts a program in the project. Resolves to the address at which the program listens. */
async function start(program: string, args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(program, args, { cwd: project, env: { ...process.env, PORT: "0", ...environment } });
  stack.defer(() => endOf(child));
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk;
  });
  const lines: string[] = [];
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      lines.push(line);
      const [, found] = /^listening at (.*)$/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    // Waits for "close", because output may still arrive after "exit".
    child.once("close", (code) => reject(new Error(`${args.join(" ")} ended with ${code}: ${errors}`)));
  });
  return { url, lines };
}

async function endOf(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await ended;
}

type Send = (headers: HeaderList, body: string) => Promise<{ readonly status: number; readonly text: string }>;

const overHttp =
  (url: string): Send =>
  async (headers, body) => {
    const answer = await exchange({ url: `${url}/hooks/acme`, method: "POST", headers, body });
    return { status: answer.status, text: answer.body.toString() };
  };

async function takesWhatTheEdgeSent(send: Send): Promise<void> {
  const { headers, body } = forwardedRequest(event);
  const text = String(body);
  const answer = await send(headers, text);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    200,
    { id: expect.stringMatching(/^[0-9a-f-]{36}$/), sender: ACME, event: { n: 1 } },
  ]);
  const refused = async (...request: Parameters<Send>) => {
    const { status, text } = await send(...request);
    return [status, (JSON.parse(text) as { code: string }).code];
  };
  expect(await refused(headers, text)).toEqual([409, "replayed"]);
  expect(await refused(forwardedRequest(event).headers, '{"n":2}')).toEqual([401, "assertion-refused"]);
  expect(await refused([["Content-Type", "application/json"]], text)).toEqual([401, "assertion-refused"]);
}

function blocksOf(language: string, document = "docs/hono.md"): string[] {
  const text = readFileSync(join(ROOT, document), "utf8");
  const blocks = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"));
  return Array.from(blocks, ([, code = ""]) => code);
}

test("docs/hono.md has these programs, as they stand", () => {
  const blocks = blocksOf("ts");
  const programs = blocks.filter((code) => code.startsWith("// A Hono app"));
  expect(programs).toEqual(
    ["hono-tls.ts", "hono-inbox.ts", "hono-node.ts", "hono-worker.ts"].map((name) =>
      readFileSync(join(EXAMPLES, name), "utf8"),
    ),
  );
  const fragment = (start: string) => blocks.find((code) => code.startsWith(start)) ?? expect.fail(start);
  write(
    "accept.ts",
    `import { type AcceptDelivery, ReplayedError } from "countersign";\n${STORE}${fragment("const accept")}void accept;\n`,
  );
  const guard =
    'import { countersign } from "countersign/hono";\nimport { Hono } from "hono";\nconst app = new Hono();\n';
  write("challenge.ts", `${guard}declare const guard: ReturnType<typeof countersign>;\n${fragment("app.on(")}`);
});

test("docs/console.md has a program", () => {
  const [code = ""] = blocksOf("ts", "docs/console.md");
  expect(code).toContain("createConsole({");
  write("console.ts", `${code}\n${CONSOLE}`);
});

/** The declarations that the program of docs/console.md takes from the app around it. */
const CONSOLE = `
import { compilePolicy, type CrlStore, loadSecrets } from "countersign";
const policy = compilePolicy({});
const secrets = loadSecrets(policy, (name) => process.env[name]);
declare const crls: CrlStore;
declare function isOperator(request: Request): boolean;
`;

const STORE = "declare const store: { insertUnlessThere(row: object): Promise<boolean> };\n";

test("they compile under strict", async () => {
  const options = { strict: true, skipLibCheck: false, noEmit: true, resolveJsonModule: true, target: "es2024" };
  const node = { module: "nodenext", lib: ["es2024", "dom", "esnext.disposable"], types: ["node"], skipLibCheck: true };
  const worker = {
    module: "esnext",
    moduleResolution: "bundler",
    lib: ["es2024"],
    types: ["@cloudflare/workers-types"],
  };
  const others = PROGRAMS.filter((name) => name.endsWith(".ts") && name !== "hono-worker.ts");
  write("tsconfig.node.json", {
    compilerOptions: { ...options, ...node },
    files: [...others, "accept.ts", "challenge.ts", "console.ts"],
  });
  write("tsconfig.worker.json", { compilerOptions: { ...options, ...worker }, files: ["hono-worker.ts"] });
  await compile("-p", join(project, "tsconfig.node.json"));
  await compile("-p", join(project, "tsconfig.worker.json"));
});

describe("behind the edge", () => {
  test("hono-node.ts", async () => {
    const { url, lines } = await start(process.execPath, ["hono-node.ts"]);
    expect((await exchange({ url, method: "GET" })).body.toString()).toBe("open to everybody, as before");
    await takesWhatTheEdgeSent(overHttp(url));
    const decisions = () =>
      lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line).code ?? "accepted");
    await expect.poll(decisions).toEqual(["accepted", "replayed", "body_mismatch", "assertion_missing"]);
  });

  test("hono-worker.ts, in workerd with D1", async () => {
    const [written = ""] = blocksOf("jsonc");
    const { vars, main, ...others } = parseJsonc(written) as { vars: object; main: string };
    const JWKS = { keys: [publicJwk(event.key)] };
    const config = { ...others, main: join(project, main), vars: { ...vars, JWKS } };
    const harness = createTestHarness({ workers: [{ config }] });
    stack.defer(() => harness.close());
    await harness.listen();
    await takesWhatTheEdgeSent(async (headers, body) => {
      const init = { method: "POST", headers: headers as [string, string][], body };
      const answer = await harness.fetch(`${AUDIENCE}/hooks/acme`, init);
      return { status: answer.status, text: await answer.text() };
    });
  });

  test("express.mjs", async () => {
    const { url } = await start(process.execPath, ["express.mjs"]);
    await takesWhatTheEdgeSent(overHttp(url));
    const headers: HeaderList = [["Content-Type", "application/json"]];
    const open = await exchange({ url: `${url}/open`, method: "POST", headers, body: '{"n":1}' });
    expect(JSON.parse(open.body.toString())).toEqual({ said: { n: 1 } });
    // Express runs this handler also for a path in other letter case, but the policy may have a different route for that path. So
    // the request must be refused.
    const spelt = await exchange({ url, ...forwardedRequest({ ...event, target: "/hooks/ACME" }) });
    expect([spelt.status, JSON.parse(spelt.body.toString())]).toMatchObject([404, { code: "not-found" }]);
  });

  test("next-route.ts", async () => {
    const main = `import { serve } from "countersign/node";
      import { POST } from "./next-route.ts";
      const { url } = await serve(POST, { hostname: "127.0.0.1", port: 0, log() {} });
      console.log("listening at " + url);`;
    write("next.ts", main);
    const { url } = await start(process.execPath, ["next.ts"]);
    await takesWhatTheEdgeSent(overHttp(url));
  });

  test.skipIf(!existsSync(PYTHON))("upstream.py, behind an origin", async () => {
    const { url: upstream, lines } = await start(PYTHON, ["-B", "upstream.py"]);
    write("keys.json", { keys: [await newSigningKey()] });
    const file = (name: string) => join(project, name);
    const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"];
    const signing = ["--origin-issuer", AUDIENCE, "--signing-keys", file("keys.json")];
    const kept = ["--policy", file("policy.json"), "--inbox", file("inbox.sqlite")];
    const origin = await startCountersign(["origin", ...edge, ...kept, "--upstream", upstream, ...signing]);
    try {
      const send = overHttp(String(origin.ready["origin"]));
      const { headers, body } = forwardedRequest({ ...event, body: '{"n":3}' });
      expect((await send(headers, String(body))).status).toBe(202);
      expect((await send([["Content-Type", "application/json"]], "{}")).status).toBe(401);
      await origin.line({ decision: "dispatched" });
    } finally {
      await origin.stop();
    }
    await expect
      .poll(() => lines.slice(1).map((line) => JSON.parse(line)))
      .toEqual([{ path: "/hooks/acme", attempt: "1", event: { n: 3 } }]);
  });
});

describe("without the edge", () => {
  test("docusign.ts, from the preset to the handler", async () => {
    const name = "hooks.example.com";
    const { ca: serverCa } = await writeServer(name, "tls");
    const KEY = "as Docusign shows it";
    // The test uses its own CA instead of DigiCert's CA, and its own certificate instead of Docusign's certificate.
    const ca = await issueCertificate({ subject: [{ CN: ["Docusign's CA"] }], ca: {} });
    const docusign = await issueCertificate({ subject: [{ O: ["Docusign, Inc."] }, { CN: ["Connect"] }] }, ca);
    const stranger = await issueCertificate({ subject: [{ O: ["Somebody"] }, { CN: ["Connect"] }] }, ca);
    write("ca.pem", ca.pem);
    write("docusign.pem", docusign.pem);

    const file = (name: string) => join(project, name);
    const program = file("node_modules/countersign/dist/cli/main.js");
    const policy = ["--policy", file("docusign.json")];
    const add = (...args: string[]) => run(process.execPath, [program, "policy", "add", ...policy, ...args]);
    expect(await add("--preset", "docusign", "--anchor", `ca=${file("ca.pem")}`)).toMatchObject({ code: 0 });
    const enforced = ["--certificate", file("docusign.pem"), "--route", "/hooks/docusign", "--mode", "enforce"];
    expect(await add("--sender", "docusign", ...enforced)).toMatchObject({ code: 0 });
    const tls = [
      "--tls",
      "--certificate",
      file("tls.pem"),
      "--key",
      file("tls.key"),
      "--client-certificates",
      "request",
    ];
    const events = ["--inbox", file("docusign.sqlite"), "--handler", file("docusign.ts")];
    const secret = { DOCUSIGN_HMAC_KEY: KEY };
    const origin = await startCountersign(["origin", ...tls, ...policy, ...events, "--port", "0"], secret, program);
    try {
      const completed = {
        ...{
          event: "envelope-completed",
          apiVersion: "v2.1",
          configurationId: 22,
          generatedDateTime: "2026-11-30T01:00:00Z",
        },
        data: { accountId: "an account", envelopeId: "an envelope" },
      };
      const port = Number(new URL(String(origin.ready["origin"])).port);
      const send = async (client: { pem: string; keyPem: string }, key: string) => {
        const body = JSON.stringify(completed);
        const signature = createHmac("sha256", key).update(body).digest("base64");
        const headers: HeaderList = [
          ["Content-Type", "application/json"],
          ["X-DocuSign-Signature-1", signature],
        ];
        const sender = new TlsSender({ port, ca: serverCa, name }, client);
        const { status } = await sender.send({ target: "/hooks/docusign", method: "POST", headers, body });
        sender.close();
        return status;
      };
      expect(await send(stranger, KEY)).toBe(403);
      expect(await send(docusign, "another key than that")).toBe(401);
      expect(await send(docusign, KEY)).toBe(202);
      await origin.line({ completed: "an envelope", account: "an account" });
      expect(origin.lines.filter(({ completed: envelope }) => envelope !== undefined)).toHaveLength(1);
    } finally {
      await origin.stop();
    }
  });

  test("hono-tls.ts", async () => {
    const name = "origin.example.com";
    const { ca: serverCa } = await writeServer(name, "server");
    const { url } = await start(process.execPath, ["hono-tls.ts"]);
    const ask = async (client?: { pem: string; keyPem: string }) => {
      const sender = new TlsSender({ port: Number(new URL(url).port), ca: serverCa, name }, client);
      const headers: HeaderList = [["Content-Type", "application/json"]];
      const answer = await sender.send({ target: "/hooks/acme", method: "POST", headers, body: '{"n":1}' });
      sender.close();
      return [answer.status, JSON.parse(answer.body.toString())];
    };
    expect(await ask(senders.acme)).toEqual([200, { sender: ACME, event: { n: 1 } }]);
    expect(await ask()).toMatchObject([403, { code: "no-client-certificate" }]);
    expect(await ask(senders.beta)).toMatchObject([403, { code: "sender-not-allowed" }]);
  });

  test("hono-inbox.ts", async () => {
    const name = "origin.example.com";
    const { ca: serverCa } = await writeServer(name, "server");
    const { url, lines } = await start(process.execPath, ["hono-inbox.ts"]);
    const ask = async (client: { pem: string; keyPem: string }, body: string) => {
      const sender = new TlsSender({ port: Number(new URL(url).port), ca: serverCa, name }, client);
      const headers: HeaderList = [["Content-Type", "application/json"]];
      const { status } = await sender.send({ target: "/hooks/acme", method: "POST", headers, body });
      sender.close();
      return status;
    };
    expect(await ask(senders.acme, '{"n":4}')).toBe(202);
    expect(await ask(senders.beta, '{"n":5}')).toBe(403);
    const handled = () => lines.filter((line) => line.startsWith('{"handled":')).map((line) => JSON.parse(line));
    await expect.poll(handled).toEqual([{ handled: expect.any(String), sender: ACME, event: { n: 4 } }]);
    await expect.poll(() => lines.some((line) => line.includes('"decision":"dispatched"'))).toBe(true);
  });

  test("hono-proxy.ts", async () => {
    const folder = join(project, "run");
    mkdirSync(folder, { mode: 0o700 });
    const { url } = await start(process.execPath, ["hono-proxy.ts"], { SOCKET: join(folder, "origin.sock") });
    const ask = (certificate: string) =>
      new Promise<[number | undefined, unknown]>((resolve, reject) => {
        const headers = { "content-type": "application/json", "ssl-client-cert": encodeURIComponent(certificate) };
        const socketPath = url.replace(/^unix:/, "");
        const outgoing = request({ socketPath, method: "POST", path: "/hooks/acme", headers }, async (response) => {
          let text = "";
          for await (const piece of response) text += piece;
          resolve([response.statusCode, JSON.parse(text)]);
        });
        outgoing.once("error", reject).end('{"n":1}');
      });
    expect(await ask(senders.acme.pem)).toEqual([200, { sender: ACME, event: { n: 1 } }]);
    expect(await ask(senders.beta.pem)).toMatchObject([403, { code: "sender-not-allowed" }]);
  });
});

test("every program is run here", () => {
  const text = readFileSync(import.meta.filename, "utf8");
  for (const name of PROGRAMS) expect(text).toContain(name);
});
