// Tests where the console listens, and who may enter: on loopback, over TLS, on a Unix socket, and with several processes.

import { statSync, writeFileSync } from "node:fs";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type CertificateRequest, type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { parseConsole } from "../../../cli/origin/console-options.ts";
import { publicJwk } from "../../../core/assertion/keys.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { openConsole } from "../../../origin/service/console.ts";
import { forwardedRequest } from "../../support/forgery.ts";
import { exchange } from "../../support/http.ts";
import { startCountersign } from "../../support/running.ts";
import { AUDIENCE, createSenders, ISSUER, type Senders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const files = new AsyncDisposableStack();
const directory = temporaryDirectory(files);
const file = (name: string) => join(directory, name);
let senders: Senders;
let root: Identity;

/** Writes the console's certificate and key. */
async function writePair(host: string): Promise<void> {
  const subjectAltNames: CertificateRequest["subjectAltNames"] = [
    { type: "dns", value: host },
    { type: "ip", value: "127.0.0.1" },
  ];
  const parts = { subject: [{ CN: ["console"] }], subjectAltNames, extendedKeyUsage: [SERVER_AUTH] };
  const server = await issueCertificate(parts, root);
  writeFileSync(file("console.pem"), `${server.pem}\n${root.pem}`);
  writeFileSync(file("console.key"), server.keyPem, { mode: 0o600 });
}

beforeAll(async () => {
  senders = await createSenders();
  writeFileSync(file("policy.json"), JSON.stringify(senders.policy));
  root = await issueCertificate({ subject: [{ CN: ["Console CA"] }], ca: {} });
  await writePair("console.test");
  writeFileSync(file("reader"), "the password of readers\n", { mode: 0o600 });
});
afterAll(() => files.disposeAsync());

/** The time limit for tests that watch files or start programs, because such tests are slow on a busy machine. */
const SLOW = { timeout: 90_000 };

let stack: AsyncDisposableStack;
beforeEach(() => {
  stack = new AsyncDisposableStack();
  vi.spyOn(console, "error").mockReturnValue();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await stack.disposeAsync();
});

const TLS = () => ({ "console-certificate": file("console.pem"), "console-key": file("console.key") });

async function open(values: Parameters<typeof parseConsole>[0]): Promise<string> {
  const settings = await parseConsole(values);
  if (settings === undefined) throw new Error("no console is asked for");
  const inbox = await openInbox(join(temporaryDirectory(stack), "inbox.sqlite"));
  stack.defer(() => inbox.close());
  const policy = compilePolicy(senders.policy);
  const places = { location: "inbox.sqlite", policyFile: "policy.json" };
  const shown = { inbox, policy: () => policy, secrets: () => new Map(), lists: undefined, log: () => {}, ...places };
  const running = await openConsole(settings, shown);
  stack.defer(() => running.close());
  return running.url;
}

interface Asked {
  readonly host?: string;
  readonly user?: string;
  readonly path?: string;
}

/** Sends a request and returns the status of its response. `user` contains a name and a password. */
function ask(url: string, { host, user, path = "/events" }: Asked): Promise<number> {
  const headers = {
    ...(host !== undefined && { host }),
    ...(user !== undefined && { authorization: `Basic ${Buffer.from(user).toString("base64")}` }),
  };
  return new Promise((resolve, reject) => {
    const at = url.startsWith("unix:") ? { socketPath: url.slice(5) } : {};
    const target = url.startsWith("unix:") ? new URL(path, "http://localhost") : new URL(path, url);
    const outgoing =
      target.protocol === "https:"
        ? tlsRequest(target, { headers, ca: root.pem, checkServerIdentity: () => undefined })
        : plainRequest(target, { headers, ...at });
    outgoing.once("response", (incoming) => resolve(incoming.resume().statusCode ?? 0));
    outgoing.once("error", reject);
    outgoing.end();
  });
}

const OPERATOR = "operator:the password of operators";
const READER = "reader:the password of readers";

function setPasswords(): void {
  vi.stubEnv("CONSOLE_OPERATOR_PASSWORD", "the password of operators");
  vi.stubEnv("CONSOLE_READER_PASSWORD_FILE", file("reader"));
}

describe("options", () => {
  const problemsOf = async (values: Parameters<typeof parseConsole>[0]) => {
    const error = await parseConsole(values).then(
      () => undefined,
      (failure: Error) => failure.message,
    );
    return error ?? "";
  };

  test("all problems are reported at once", async () => {
    vi.stubEnv("CONSOLE_OPERATOR_PASSWORD", "too short");
    vi.stubEnv("CONSOLE_READER_PASSWORD_FILE", file("none"));
    const told = await problemsOf({ console: "99999999", "console-host": ["https://x"], "console-key": "x" });
    for (const part of [
      "--console 99999999 is not HOST:PORT, PORT or unix:PATH",
      "--console-host https://x is not a host name",
      "--console-certificate and --console-key go together",
      "CONSOLE_OPERATOR_PASSWORD is shorter than 16 characters",
      "CONSOLE_READER_PASSWORD: CONSOLE_READER_PASSWORD_FILE: cannot read",
    ])
      expect(told).toContain(part);
    expect(told).not.toContain("too short");
  });

  test("a password that no browser can send is refused, and later locks out only its own user", async () => {
    vi.stubEnv("CONSOLE_READER_PASSWORD", "with a control\tcharacter");
    await expect(parseConsole({ console: "0" })).rejects.toThrow(/CONSOLE_READER_PASSWORD: /);
    vi.stubEnv("CONSOLE_READER_PASSWORD", undefined);
    vi.stubEnv("CONSOLE_OPERATOR_PASSWORD", "the password of operators");
    const url = await open({ console: "0" });
    // The start refuses a password with a control character. But a password can also change after the start, for example in a
    // password file.
    vi.stubEnv("CONSOLE_READER_PASSWORD", "with a control\tcharacter");
    const basic = (text: string) => ({ headers: { authorization: `Basic ${btoa(text)}` } });
    expect((await fetch(url, basic("operator:the password of operators"))).status).toBe(200);
    expect((await fetch(url, basic("reader:whatever else there is"))).status).toBe(503);
  });

  test.each([
    [{ console: "0.0.0.0:0" }, "beyond loopback (0.0.0.0) needs TLS"],
    [{ console: "0.0.0.0:0" }, "beyond loopback needs a password"],
    [{ console: "127.0.0.1.example:0" }, "beyond loopback (127.0.0.1.example) needs TLS"],
    [{ console: "[::]:0" }, "beyond loopback (::) needs TLS"],
    [{ console: "unix:/run/x" }, "beyond loopback needs a password"],
    [{ console: "unix:" }, "--console unix: names no path"],
    [{ "console-host": ["x"] }, "--console-host has no effect without --console"],
  ])("%j is refused: %s", async (values, part) => {
    expect(await problemsOf(values)).toContain(part);
  });

  test("TLS alone is not enough beyond loopback, and has no effect on a socket", async () => {
    expect(await problemsOf({ console: "0.0.0.0:0", ...TLS() })).toContain("needs a password");
    setPasswords();
    expect(await problemsOf({ console: "unix:/run/x", ...TLS() })).toContain("has no effect on a socket");
  });
});

test("another address of loopback is a host of the console too", async () => {
  const url = await open({ console: "127.0.0.2:0" });
  expect(await ask(url, {})).toBe(200);
  expect(await ask(url, { host: "rebound.example" })).toBe(403);
});

test("on loopback everybody is an operator if there is no password, and otherwise nobody enters without one", async () => {
  expect(await ask(await open({ console: "0" }), { path: "/actions/retry" })).toBe(200);
  setPasswords();
  const url = await open({ console: "0" });
  expect(await ask(url, {})).toBe(401);
  expect(await ask(url, { user: "operator:wrong" })).toBe(401);
  expect(await ask(url, { user: "reader:the password of operators" })).toBe(401);
  expect(await ask(url, { user: OPERATOR, path: "/actions/retry" })).toBe(200);
  expect(await ask(url, { user: READER })).toBe(200);
  expect(await ask(url, { user: READER, path: "/actions/retry" })).toBe(403);
});

test("a replaced password file applies at once, and a missing one lets nobody in", async () => {
  setPasswords();
  const url = await open({ console: "0" });
  writeFileSync(file("reader"), "another one of readers");
  expect([await ask(url, { user: READER }), await ask(url, { user: "reader:another one of readers" })]).toEqual([
    401, 200,
  ]);
  vi.stubEnv("CONSOLE_READER_PASSWORD_FILE", file("none"));
  expect(await ask(url, { user: READER })).toBe(503);
  writeFileSync(file("reader"), "the password of readers\n");
});

test(
  "over TLS the hosts of the certificate are the console's, and a replaced certificate is loaded",
  SLOW,
  async () => {
    setPasswords();
    const url = await open({ console: "127.0.0.1:0", ...TLS(), "console-host": ["proxy.test"] });
    expect(url).toMatch(/^https:/);
    const { port } = new URL(url);
    const statusFor = (host: string) => ask(url, { host: `${host}:${port}`, user: READER });
    expect(await Promise.all(["console.test", "127.0.0.1", "proxy.test"].map(statusFor))).toEqual([200, 200, 200]);
    expect(await Promise.all(["localhost", "evil.test", "sub.console.test"].map(statusFor))).toEqual([403, 403, 403]);
    expect(await ask(url, { host: "console.test" })).toBe(401);
    await writePair("renewed.test");
    await vi.waitFor(async () => expect(await statusFor("renewed.test")).toBe(200), { timeout: 25_000, interval: 100 });
    expect(await statusFor("console.test")).toBe(403);
    await writePair("console.test");
  },
);

test("a socket is for its owner and group, and for the hosts that are named", async () => {
  setPasswords();
  const path = join(temporaryDirectory(stack), "console.sock");
  const url = await open({ console: `unix:${path}`, "console-host": ["console.example"] });
  expect(statSync(path).mode & 0o777).toBe(0o660);
  expect(await ask(url, { host: "console.example", user: READER })).toBe(200);
  expect(await ask(url, { host: "localhost:9465", user: READER })).toBe(200);
  expect(await ask(url, { host: "other.example", user: READER })).toBe(403);
  expect(await ask(url, { host: "console.example" })).toBe(401);
});

describe("countersign origin --console", SLOW, () => {
  test.each([[[]], [["--workers", "2"]]])("has one listener, which ends with the origin (%j)", async (more) => {
    const key = await newSigningKey();
    writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(key)] }));
    const inbox = join(temporaryDirectory(stack), "inbox.sqlite");
    const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"];
    const common = ["--policy", file("policy.json"), "--inbox", inbox, "--console", "0"];
    const origin = await startCountersign(["origin", ...common, ...edge, ...more]);
    stack.defer(() => void origin.process.kill("SIGKILL"));
    const url = origin.ready["console"] ?? "";
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const event = { key, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
    const forwarded = forwardedRequest(event);
    const accepted = await exchange({ ...forwarded, url: `${origin.ready["origin"]}${forwarded.target}` });
    expect(accepted.status).toBe(202);
    const page = await fetch(`${url}/events`, { headers: { accept: "application/json" } });
    expect(await page.json()).toMatchObject({ events: [{ state: "waiting", sender: "Quillon-acme" }] });
    // An open page must not delay the end of the process.
    const live = await fetch(`${url}/live`);
    const ended = live.text();
    expect(await origin.stop()).toBe(0);
    // The stream ended normally. If the connection were destroyed, this promise would be rejected.
    expect(await ended).toContain("event: hello");
  });

  test("says which listener cannot be opened, and does not start", async () => {
    const taken = await open({ console: "0" });
    const { runHere } = await import("../../support/command.ts");
    writeFileSync(file("jwks.json"), JSON.stringify({ keys: [publicJwk(await newSigningKey())] }));
    const edge = ["--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", file("jwks.json"), "--port", "0"];
    const inbox = join(temporaryDirectory(stack), "inbox.sqlite");
    const common = ["--policy", file("policy.json"), "--inbox", inbox, "--console", new URL(taken).port];
    const { code, stderr } = await runHere(["origin", ...common, ...edge]);
    expect([code, stderr]).toEqual([2, expect.stringContaining("--console: 127.0.0.1 port")]);
  });
});
