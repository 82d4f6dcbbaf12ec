// Tests an origin that was started through npm, as a process supervisor does, and origins on IPv6 addresses.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from "vitest";
import { ROOT, runCountersign, startCountersign } from "../support/running.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type TlsFiles, writeTlsFiles } from "../support/tls-process.ts";
import { createWorld, type World, writeServerFiles } from "./proxy/world.ts";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let directory: string;
const file = (name: string) => join(directory, name);

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  directory = temporaryDirectory(stack);
});
afterAll(() => stack.disposeAsync());

function isListening(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname.replaceAll(/[[\]]/g, ""), () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Starts npm, and waits for an output line with a URL. Returns the URL, and a function that sends a signal to npm only. */
async function startNpm(args: readonly string[]): Promise<{ url: string; end(): Promise<void> }> {
  const npm = spawn("npm", args, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"], detached: true });
  onTestFinished(() => {
    // Kills the whole process group, because the program may still run after npm has ended.
    try {
      process.kill(-(npm.pid ?? 0), "SIGKILL");
    } catch {
      // The process group no longer exists, because the program has already ended.
    }
  });
  let url: string | undefined;
  const output = createInterface({ input: npm.stdout });
  for await (const line of output) {
    url = /"origin":"([^"]+)"/.exec(line)?.[1] ?? /^ +origin +(\S+)$/.exec(line)?.[1];
    if (url !== undefined) break;
  }
  npm.stdout.resume();
  return {
    url: url ?? "",
    async end() {
      npm.kill("SIGTERM");
      await once(npm, "exit");
    },
  };
}

describe("SIGTERM to npm ends what npm runs:", () => {
  test.each<[string, () => string[]]>([
    ["countersign origin", () => ["run", "-s", "countersign", "--", ...files.args, "--json"]],
    ["npm start", () => ["start", "-s", "--", "--port", "0", "--state", file("state")]],
  ])("%s", async (_, args) => {
    const npm = await startNpm(args());
    expect(await isListening(npm.url)).toBe(true);
    await npm.end();
    await expect.poll(() => isListening(npm.url)).toBe(false);
  });
});

describe("on an IPv6 address the ready line holds a URL that answers:", () => {
  let world: World;
  let proxied: string[];
  let behindEdge: string[];

  beforeAll(async () => {
    world = await createWorld();
    writeFileSync(file("policy.json"), JSON.stringify(world.senders.policy));
    const common = ["--policy", file("policy.json"), "--inbox", file("inbox.sqlite"), "--port", "0"];
    const { certificate, key, ca } = writeServerFiles(directory, world);
    proxied = ["origin", "--behind-proxy", "nginx", "--certificate", certificate, "--key", key, "--proxy-ca", ca];
    proxied.push("--proxy-subject", "CN=proxy.example.com", ...common);
    await runCountersign(["keys", "new", "--file", file("keys.json")]);
    writeFileSync(file("jwks.json"), (await runCountersign(["keys", "jwks", "--file", file("keys.json")])).stdout);
    behindEdge = ["origin", "--issuer", "https://edge.test", "--audience", "here", "--jwks", file("jwks.json")];
    behindEdge.push(...common);
  });

  it.each<[string, () => readonly string[]]>([
    ["--tls", () => files.args],
    ["--behind-proxy", () => proxied],
    ["behind the edge", () => behindEdge],
  ])("%s", async (_, args) => {
    const origin = await startCountersign([...args(), "--host", "::1", "--metrics", "[::]:0"]);
    onTestFinished(() => void origin.process.kill("SIGKILL"));
    const urls = [origin.ready["origin"], origin.ready["metrics"]].map((url) => new URL(url ?? ""));
    expect(urls.map(({ hostname }) => hostname)).toEqual(["[::1]", "[::]"]);
    for (const url of urls) expect(await isListening(url.href)).toBe(true);
  });
});
