// Tests for which hosts a client certificate is requested.

import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  inspectRequired,
  parseClientCertificates,
  requireAdmissible,
} from "../../../cli/origin/client-certificates.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { createSenders, type Senders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { opensslClient, sendInVain, sendOnce } from "../../support/tls-client.ts";
import { A, B, issueServer, startTlsOrigin, type TestTlsOrigin } from "../../support/tls-origin.ts";
import { replaceFile, startTlsProcess, writeTlsFiles } from "../../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestTlsOrigin;

beforeAll(async () => {
  senders = await createSenders();
  const clientCertificates = (host: string) => (host === A ? "require" : "none");
  origin = await startTlsOrigin(stack, { policy: senders.policy, clientCertificates });
});
afterAll(() => stack.disposeAsync());

describe("a host with none", () => {
  test.each(["-tls1_2", "-tls1_3"])(
    "asks for no certificate (%s), while a host that requires certificates asks for one",
    async (version) => {
      const args = [version];
      const asking = await opensslClient(origin.at(A), args);
      expect(asking.text).toMatch(/Acceptable client certificate CA names/);
      const silent = await opensslClient(origin.at(B), args);
      expect(silent.text).toMatch(/No client certificate CA names sent/);
      expect(silent.signatureAlgorithms).toEqual([]);
      expect([asking.status, silent.status]).toEqual([undefined, 403]);
    },
  );

  test("refuses a sender that needs a certificate, even if it has one, with a response and without a handshake line", async () => {
    const start = origin.lines.all.length;
    for (const client of [undefined, senders.acme]) {
      const answer = await sendOnce(origin.at(B), client);
      expect(answer).toMatchObject({ status: 403, problem: { code: "no-client-certificate" } });
    }
    expect(origin.lines.all.slice(start).filter(({ decision }) => decision === "handshake")).toEqual([]);
    await sendInVain(origin.at(A));
    expect((await sendOnce(origin.at(A), senders.acme)).status).toBe(202);
  });
});

describe("--client-certificates", () => {
  test.each<[string, readonly string[], RegExp]>([
    ["nothing", [], /is required: request, require or none/],
    ["a host alone", [`${A}=require`], /is required: request, require or none/],
    ["another word", ["sometimes"], /--client-certificates sometimes is none of request, require, none/],
    ["another word for a host", ["none", `${A}=maybe`], /maybe is none of/],
  ])("of %s is refused", (_, values, message) => {
    expect(() => parseClientCertificates(values)).toThrow(message);
  });

  const github = { signature: { scheme: "github" as const, secrets: ["GITHUB_SECRET"] } };
  const signing: PolicyDocument = {
    anchors: {},
    senders: { github },
    routes: { "/github": { senders: ["github"], methods: ["POST"] } },
  };
  const check = (values: readonly string[], policy: PolicyDocument) =>
    requireAdmissible(parseClientCertificates(values), [A, B], compilePolicy(policy));

  test("must name served hosts, and one of them must ask if a sender needs a certificate", () => {
    check(["none", `${A}=require`], senders.policy);
    check(["require", `${A}=none`], signing);
    check(["none"], signing);
    expect(() => check(["require", "x.example=none"], senders.policy)).toThrow(
      `x.example=…: no certificate has this name; served are ${A}, ${B}`,
    );
    expect(() => check(["none"], senders.policy)).toThrow(
      /no host asks for a certificate, and .*acme has to present one/,
    );
    expect(() => check(["none", `${A}=require`, `${B}=require`], signing)).toThrow(/presents no certificate/);
    expect(() => requireAdmissible(parseClientCertificates(["require"]), undefined, compilePolicy(signing))).toThrow(
      /presents no certificate/,
    );
  });
});

describe("inspectRequired()", () => {
  const places = async (values: readonly string[], change: object, route = "/hooks") => {
    const [name = ""] = Object.keys(senders.policy.senders);
    const sender = { ...senders.policy.senders[name], ...change };
    const routes = { [route]: { senders: [name], methods: ["POST"] } };
    const document = { ...senders.policy, senders: { [name]: sender }, routes };
    const found = await inspectRequired(parseClientCertificates(values), () => document);
    return found.map(({ severity, pointer }) => `${severity} ${pointer.replace(name, "one")}`);
  };
  const ofPagerDuty = { about: { preset: "pagerduty" } };

  test("warns of a sender that loses events by a failed handshake, or whose refusals ask for the event again", async () => {
    for (const change of [ofPagerDuty, { refusal: "retry" }, { refusal: "retry-429" }])
      expect(await places(["require"], change)).toEqual(["warning /senders/one"]);
    for (const change of [{}, { refusal: "final" }, { about: { preset: "workfront" } }])
      expect(await places(["require"], change)).toEqual([]);
    expect(await places(["request"], ofPagerDuty)).toEqual([]);
  });

  test("warns of a sender whose challenge comes without a certificate", async () => {
    const meta = { handshake: { scheme: "meta", secret: "A_TOKEN" } };
    expect(await places(["require"], meta)).toEqual(["warning /senders/one/handshake"]);
    expect(await places(["require"], { ...meta, refusal: "retry" })).toEqual([
      "warning /senders/one",
      "warning /senders/one/handshake",
    ]);
    expect(await places(["require", `${A}=request`], meta, `${A}/hooks`)).toEqual([]);
    // This challenge is answered only if the sender presents its certificate with the challenge. So there is no warning.
    expect(await places(["require"], { handshake: { scheme: "dropbox" } })).toEqual([]);
    expect(await places(["require"], { ...meta, certificates: undefined, trust: undefined })).toEqual([]);
  });

  test("asks for the mode of the host of a route", async () => {
    expect(await places(["request", `${A}=require`], ofPagerDuty, `${A}/hooks`)).toEqual(["warning /senders/one"]);
    expect(await places(["require", `${A}=request`], ofPagerDuty, `${A}/hooks`)).toEqual([]);
  });
});

test("an origin that requires certificates starts, and warns of a sender whose events a failed handshake loses", async () => {
  const files = await writeTlsFiles(stack, (policy) => {
    const [[name = "", sender] = []] = Object.entries(policy.senders);
    return { ...policy, senders: { ...policy.senders, [name]: { ...sender, refusal: "retry" } } };
  });
  const process = await startTlsProcess(stack, files, "--client-certificates", "require");
  // Collects the text of stderr from here on. The warning of the start may have been read before, so a reload makes the origin
  // print the warning again.
  let stderr = "";
  process.process.stderr?.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  replaceFile(files.policy, readFileSync(files.policy, "utf8").replace("{", "{ "));
  process.process.kill("SIGHUP");
  await expect.poll(() => stderr, { timeout: 60_000 }).toContain("--client-certificates require ends the handshake");
});

test("the origin's own keys can be fetched from a separate host next to one that requires certificates", async () => {
  const files = await writeTlsFiles(stack);
  const file = (name: string) => join(dirname(files.policy), name);
  const second = await issueServer(files.serverCa, B);
  writeFileSync(file("second.pem"), second.certificate);
  writeFileSync(file("second.key"), second.key);
  writeFileSync(file("keys.json"), JSON.stringify({ keys: [await newSigningKey()] }));
  const process = await startTlsProcess(
    stack,
    files,
    ...[
      ...["--certificate", file("second.pem"), "--key", file("second.key")],
      ...["--client-certificates", "require", "--client-certificates", `${B}=none`],
      ...["--upstream", "http://127.0.0.1:1", "--origin-issuer", `https://${B}`, "--signing-keys", file("keys.json")],
    ],
  );
  const keys = { target: "/.well-known/jwks.json", method: "GET", body: "" };
  await sendInVain(process.server, undefined, keys);
  const answer = await sendOnce({ ...process.server, name: B }, undefined, keys);
  expect(answer.status).toBe(200);
  expect(JSON.parse(answer.body.toString()).keys).toHaveLength(1);
});
