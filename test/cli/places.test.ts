// Tests places that a program cannot use: an address that is taken or does not belong to this machine, or a file instead of a
// directory. Each such place is an error of the operator. The message names the place and how to fix the error, and has no stack.

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { issueCertificate } from "../../cli/dev/authority.ts";
import { openDevelopmentState } from "../../cli/dev/state.ts";
import { askOpenssl } from "../../cli/explain/openssl.ts";
import { command as keys } from "../../cli/keys.ts";
import { command as send } from "../../cli/send/index.ts";
import { generateSigningKey, publicJwk } from "../../core/assertion/keys.ts";
import { openCrlDirectory, readCrlDirectory } from "../../origin/node/crl-directory.ts";
import { runHere } from "../support/command.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());
const directory = temporaryDirectory(stack);
const file = (name: string) => join(directory, name);
const ca = await issueCertificate({ subject: [{ CN: ["Partner CA"] }], ca: {} });

beforeAll(async () => {
  writeFileSync(file("text"), "");
  writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(await generateSigningKey(1))] }));
  const policy = {
    anchors: { root: { certificate: ca.pem, crls: { sources: ["root.crl"], freshness: "prefer" } } },
    senders: { partner: { certificates: [{ subject: { CN: "x" } }], trust: { anchors: ["root"] } } },
    routes: { "/hooks": { senders: ["partner"], methods: ["POST"] } },
  };
  writeFileSync(file("policy.json"), JSON.stringify(policy));
});

describe("origin does not start", () => {
  const squatter = createServer();
  stack.defer(() => void squatter.close());
  const edge = ["--issuer", "https://edge.example", "--audience", "https://origin.example"];
  const start = (...args: string[]) => {
    const files = ["--jwks", file("jwks.json"), "--policy", file("policy.json"), "--inbox", file("inbox.sqlite")];
    return runHere(["origin", ...edge, ...files, ...args]);
  };

  test.each([
    "edge.example",
    "https://edge.example/",
    "http://edge.example",
    "https://Edge.example",
    "https://edge.example:443",
  ])("with an issuer that no edge has: %s", async (issuer) => {
    const { code, stderr } = await start("--port", "0", "--issuer", issuer);
    expect(code).toBe(2);
    expect(stderr).toContain(`--issuer ${issuer}: https://HOST without a path`);
  });

  test.each<readonly [string, (taken: string) => readonly string[], RegExp]>([
    ["at a port that is taken", (port) => ["--port", port], /port \d+: EADDRINUSE: another program listens there/],
    [
      "at an address of another machine",
      () => ["--port", "0", "--host", "203.0.113.9"],
      /203\.0\.113\.9 port 0: EADDRNOTAVAIL: this machine has no such address/,
    ],
    [
      "at a name that nobody knows",
      () => ["--port", "0", "--host", "no-such-host.invalid"],
      /no-such-host\.invalid port 0: (?:ENOTFOUND|EAI_AGAIN): .* address of this machine/,
    ],
    [
      "with a file as the directory of lists",
      () => ["--port", "0", "--crls", file("text")],
      /text cannot keep revocation lists: a file is there/,
    ],
    [
      "with a directory of lists below a file",
      () => ["--port", "0", "--crls", file("text/crls")],
      /text\/crls cannot keep revocation lists: \S+text is not a folder/,
    ],
  ])("%s", async (_, args, told) => {
    if (!squatter.listening) await once(squatter.listen(0, "127.0.0.1"), "listening");
    const { code, stderr } = await start(...args(String((squatter.address() as AddressInfo).port)));
    expect(code, stderr).toBe(2);
    expect(stderr).toMatch(told);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

test("a source of lists that is not a file is not read, because a pipe or a device may never end", async () => {
  for (const storage of [readCrlDirectory(file("crls"), "/"), openCrlDirectory(file("crls"), "/")]) {
    await expect(storage.readFile("/dev/zero", {})).rejects.toThrow("it is not a file");
    await expect(storage.readFile(directory, {})).rejects.toThrow("it is not a file");
  }
});

test("dev names a state path that is not a directory", async () => {
  await expect(openDevelopmentState(file("text"))).rejects.toMatchObject({
    name: "UsageError",
    message: `cannot make the folder ${file("text")}: a file is there`,
  });
});

test("keys new writes to no standard input", async () => {
  await expect(keys.run(["new", "--file", "-"])).rejects.toThrow(/standard input, .*: name a file/);
});

test("send says that nothing was sent if the request is invalid, and not that no response arrived", async () => {
  for (const args of [
    ["--header", "x: \u2603"],
    ["--method", "PO ST"],
  ])
    await expect(send.run(["http://127.0.0.1:9/", ...args])).rejects.toThrow(/^nothing was sent: /);
  await expect(send.run(["http://127.0.0.1:99999/?token=HUSH"])).rejects.toThrow(/^… is no URL to send to: /);
});

test("explain works without a directory for openssl's files", async () => {
  vi.stubEnv("TMPDIR", file("missing"));
  const question = { leaf: ca.base64, intermediates: [], anchors: [ca.base64], isPartialChain: true, at: 0 };
  expect(await askOpenssl(question)).toMatchObject({
    why: expect.stringMatching(/^no temporary directory can be made/),
  });
  vi.unstubAllEnvs();
});
