// Runs `npm start -- --once`, and the single commands, as the README describes them.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runHere } from "../../support/command.ts";
import { freePort } from "../../support/free-port.ts";
import { curl, run, runCountersign, startCountersign } from "../../support/running.ts";

const directory = mkdtempSync(join(tmpdir(), "countersign-start-"));
const file = (name: string) => join(directory, name);
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Returns the text of a picture that `npm run docs:pictures` drew. */
function readTerminal(svg: string): string {
  const lines = Array.from(svg.matchAll(/<text [^>]*>(.*)<\/text>/g), ([, line = ""]) =>
    line.replaceAll(/<[^>]*>/g, ""),
  );
  return lines.join("\n");
}

const withoutEmptyLines = (text: string) => text.trimEnd().replaceAll(/\n{2,}/g, "\n");

describe("npm start", () => {
  it("shows one accepted and at least six refused events, and ends with 0", async () => {
    const { code, stdout, stderr } = await run(process.execPath, [
      "cli/dev/start.ts",
      "--once",
      "--port",
      "0",
      "--state",
      file("start"),
    ]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(/^ok +the sender's certificate +202 +202 +accepted as example/m);
    expect(stdout.match(/^ok .* 403 +403 .* edge$/gm)?.length).toBeGreaterThanOrEqual(6);
    expect(stdout).toMatch(/^ok .*again +409 +409 +replayed +origin$/m);
    expect(stdout).not.toContain("NOT OK");
    expect(readTerminal(readFileSync("docs/pictures/start.svg", "utf8"))).toBe(
      `$ npm start\n${withoutEmptyLines(stdout)}`,
    );
  });

  it("ends with an error when its port is taken", async () => {
    const squatter = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => squatter.once("listening", resolve));
    const { port } = squatter.address() as { port: number };
    const { code, stderr } = await run(process.execPath, [
      "cli/dev/start.ts",
      "--once",
      "--port",
      String(port),
      "--state",
      file("start"),
    ]);
    squatter.close();
    expect(code).toBe(2);
    expect(stderr).toMatch(/port \d+: EADDRINUSE: another program listens there/);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

describe("countersign keys", () => {
  const keys = file("keys.json");
  const rotate = (step: string) => runHere(["keys", "rotate", "--file", keys, "--step", step]);

  it("makes a key that only its owner can read, and never overwrites it", async () => {
    expect((await runCountersign(["keys", "new", "--file", keys])).code).toBe(0);
    expect(statSync(keys).mode & 0o777).toBe(0o600);
    const second = await runHere(["keys", "new", "--file", keys]);
    expect(second).toMatchObject({ code: 2, stdout: "" });
    expect(second.stderr).toContain("exists already");
  });

  it("rotates in steps that keep every live key published, and refuses a step out of order", async () => {
    const kids = () =>
      (JSON.parse(readFileSync(keys, "utf8")) as { keys: { kid: string }[] }).keys.map(({ kid }) => kid);
    const [old] = kids();
    expect((await rotate("sign")).code).toBe(2);
    expect((await rotate("publish")).code).toBe(0);
    const [signer, added] = kids();
    expect(signer).toBe(old);
    expect((await rotate("retire")).code).toBe(2);
    expect((await rotate("sign")).code).toBe(0);
    expect(kids()).toEqual([added, old]);
    expect((await rotate("retire")).code).toBe(0);
    expect(kids()).toEqual([added]);
  });

  it("prints no private member", async () => {
    const { stdout } = await runHere(["keys", "jwks", "--file", keys]);
    expect(JSON.parse(stdout).keys).toHaveLength(1);
    expect(stdout).not.toContain('"d"');
  });
});

describe("countersign policy", () => {
  it("lists every problem at once, with its place", async () => {
    writeFileSync(
      file("bad.json"),
      JSON.stringify({
        anchors: {},
        senders: { a: { certificates: [], trust: {} } },
        routes: { "/x": { senders: ["b"], methods: [] } },
        extra: 1,
      }),
    );
    const { code, stdout } = await runHere(["policy", "check", "--policy", file("bad.json"), "--json"]);
    expect(code).toBe(2);
    const problems = (JSON.parse(stdout) as { problems: string[] }).problems.map((problem) => problem.split(":")[0]);
    expect(problems).toEqual(["/senders/a/trust", "/routes/~1x/methods", "/extra"]);
  });

  it("finds the policy of this repository sound, and its schema up to date", async () => {
    expect((await runCountersign(["policy", "check"])).code).toBe(0);
    const { stdout } = await run(process.execPath, ["cli/policy/json-schema.ts"]);
    expect(stdout).toBe(readFileSync("policy.schema.json", "utf8"));
  });
});

describe("countersign origin", () => {
  it("names everything that is missing, and starts nothing (Docusign receivers in the wild)", async () => {
    const { code, stderr } = await runCountersign(["origin", "--policy", file("absent.json")]);
    expect(code).toBe(2);
    for (const option of ["--issuer", "--audience", "--jwks", "absent.json"]) expect(stderr).toContain(option);
  });

  it("ends at a signal, even if a client has sent half a request", async () => {
    await runHere(["keys", "new", "--file", file("half.json")]);
    writeFileSync(file("half-jwks.json"), (await runHere(["keys", "jwks", "--file", file("half.json")])).stdout);
    const settings = ["--issuer", "https://edge.test", "--audience", "here", "--jwks", file("half-jwks.json")];
    const origin = await startCountersign(["origin", ...settings, "--inbox", file("half.sqlite"), "--port", "0"]);
    const { port } = new URL(origin.ready["origin"] ?? "");
    const client = connect(Number(port), "127.0.0.1", () => client.write("POST /hooks/pagerduty HTTP/1.1\r\nHost:"));
    await new Promise((resolve) => client.once("connect", resolve));
    const closed = new Promise((resolve) => client.once("close", resolve));
    client.on("error", () => undefined);
    expect(await origin.stop()).toBe(0);
    await closed;
  });

  it("serves its own edge with keys from the edge's URL, also after a restart", async () => {
    const state = file("pair");
    const port = String(await freePort());
    const dev = await startCountersign(["dev", "--port", port, "--state", state, "--origin", "http://127.0.0.1:9"]);
    const { issuer, audience, jwks, policy, serverCa } = dev.ready;
    await dev.stop();
    expect(issuer).toBe(`https://localhost:${port}`);

    const settings = [
      "--issuer",
      issuer,
      "--audience",
      audience,
      "--jwks",
      jwks,
      "--policy",
      policy,
      "--inbox",
      file("pair.sqlite"),
      "--port",
      "0",
    ] as string[];
    // The origin can start before its edge, because it fetches the edge's keys only when it first needs them.
    const origin = await startCountersign(["origin", ...settings], { NODE_EXTRA_CA_CERTS: serverCa ?? "" });
    const edge = await startCountersign([
      "dev",
      "--port",
      port,
      "--state",
      state,
      "--origin",
      origin.ready["origin"] ?? "",
    ]);
    try {
      const { certificate, key } = edge.ready.clients["good"] ?? { certificate: "", key: "" };
      const sent = await runCountersign([
        "send",
        `${issuer}/hooks/example`,
        "--ca",
        serverCa ?? "",
        "--certificate",
        certificate,
        "--key",
        key,
        "--json",
      ]);
      expect({ code: sent.code, stderr: sent.stderr }).toEqual({ code: 0, stderr: "" });
      expect(JSON.parse(sent.stdout)).toMatchObject({ status: 202 });
      const { event } = JSON.parse(JSON.parse(sent.stdout).body) as { event: string };
      expect(await origin.line({ edgeDecision: event })).toMatchObject({ decision: "accepted" });

      expect(await origin.stop()).toBe(0);
      const refused = await curl(`${issuer}/hooks/example`, [
        "--cacert",
        serverCa ?? "",
        "--cert",
        certificate,
        "--key",
        key,
        "--json",
        "{}",
      ]);
      expect(refused.problem).toMatchObject({ status: 503, code: "unavailable" });
    } finally {
      await Promise.all([origin.stop(), edge.stop()]);
    }
  });
});
