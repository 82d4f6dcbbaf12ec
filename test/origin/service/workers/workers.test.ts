// Tests several processes on one port. For an operator, they are one program, whatever happens to one of them. On Linux, /proc
// shows which process does what.

import { chmodSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listen } from "../../../support/http.ts";
import { readEvents } from "../../../support/origin.ts";
import { startCountersign } from "../../../support/running.ts";
import { BETA } from "../../../support/senders.ts";
import { connectTls, sendOnce, TlsSender } from "../../../support/tls-client.ts";
import {
  replaceFile,
  startTlsProcess,
  type TlsFiles,
  type TlsProcess,
  writeTlsFiles,
} from "../../../support/tls-process.ts";

let stack: AsyncDisposableStack;
let files: TlsFiles;
let origin: TlsProcess;

async function start(): Promise<void> {
  stack = new AsyncDisposableStack();
  files = await writeTlsFiles(stack);
  origin = await startTlsProcess(stack, files, "--workers", "2", "--metrics", "0");
}
const end = () => stack.disposeAsync();

/** Returns the process ids of the workers. */
function workersOf({ pid }: TlsProcess): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Returns the number of the worker's connections to the port. Finds them by the sockets among the worker's open files. */
function connectionsOf(pid: number, port: number): number {
  const inodes = new Set(
    readFileSync("/proc/net/tcp", "utf8")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
      // Keeps only connections in the state ESTABLISHED whose local end is this port.
      .filter(
        (fields) => fields[3] === "01" && fields[1]?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, "0")}`),
      )
      .map((fields) => `socket:[${fields[9]}]`),
  );
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => {
    try {
      return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  }).length;
}

/** Connects this number of senders and keeps their connections open, so that each worker has some of the connections. */
async function connectSenders(count: number): Promise<TlsSender[]> {
  const senders = Array.from({ length: count }, () => new TlsSender(origin.server, files.senders.acme));
  for (const sender of senders) {
    stack.defer(() => sender.close());
    expect((await sender.send()).status).toBe(202);
  }
  return senders;
}

describe("two workers", () => {
  beforeAll(start);
  afterAll(end);

  test("say once that they are ready, both serve, and store every event once in the shared inbox", async () => {
    const senders = await connectSenders(8);
    const held = workersOf(origin).map((pid) => connectionsOf(pid, origin.port));
    expect(held).toHaveLength(2);
    expect(Math.min(...held)).toBeGreaterThan(0);
    expect(held.reduce((sum, count) => sum + count, 0)).toBe(senders.length);

    const answers = await Promise.all(senders.flatMap((sender) => Array.from({ length: 10 }, () => sender.send())));
    const ids = answers.map(({ body }) => (JSON.parse(body.toString()) as { event: string }).event);
    const stored = readEvents(files.inbox).map(({ id }) => id);
    expect(stored).toHaveLength(senders.length * 11);
    expect(new Set(stored).size).toBe(stored.length);
    expect(stored).toEqual(expect.arrayContaining(ids));
    expect(origin.lines.filter((line) => "origin" in line)).toHaveLength(1);
  });

  test("both get a SIGHUP and notice a changed file", async () => {
    const senders = await connectSenders(8);
    const { policy } = files.senders;
    const routes = { ...policy.routes, "/hooks/acme": { senders: [BETA], methods: ["POST"] } };
    const reloads = () => origin.lines.filter(({ decision }) => decision === "reloaded").length;
    replaceFile(files.policy, JSON.stringify({ ...policy, routes }));
    await expect.poll(reloads, { interval: 20 }).toBe(2);
    for (const sender of senders) expect(await sender.send()).toMatchObject({ status: 403, isKeptAlive: true });
    origin.process.kill("SIGHUP");
    await expect.poll(reloads, { interval: 20 }).toBe(4);
  });
});

describe("two workers, when one dies or both stop,", () => {
  beforeEach(start);
  afterEach(end);

  test("are two again after one was killed, and the other serves meanwhile", async () => {
    const [victim = 0, survivor = 0] = workersOf(origin);
    const deaths = async () =>
      /^countersign_worker_deaths_total (\d+)$/m.exec(await (await fetch(origin.ready["metrics"] ?? "")).text())?.[1];
    expect(await deaths()).toBe("0");
    process.kill(victim, "SIGKILL");
    await expect.poll(() => isRunning(victim), { interval: 10 }).toBe(false);
    expect(await origin.line({ code: "worker_died" })).toMatchObject({
      decision: "failed",
      pid: victim,
      cause: "it was ended by SIGKILL",
    });
    expect(await deaths()).toBe("1");
    for (let sent = 0; sent < 5; sent += 1) {
      expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
    }
    await expect.poll(() => workersOf(origin).filter((pid) => pid !== victim), { interval: 50 }).toHaveLength(2);
    const replaced = workersOf(origin).find((pid) => pid !== survivor) ?? 0;
    // The new worker gets connections as soon as it listens.
    await expect
      .poll(async () => {
        await connectSenders(2);
        return connectionsOf(replaced, origin.port);
      })
      .toBeGreaterThan(0);
    expect(readEvents(files.inbox).length).toBeGreaterThan(5);
  });

  test("continue when one dies while the inbox cannot be opened", async () => {
    const [victim = 0] = workersOf(origin);
    // The workers also write to the file in the background. So the lock waits until no worker writes.
    const database = new DatabaseSync(files.inbox, { timeout: 20_000 });
    database.exec("BEGIN IMMEDIATE");
    process.kill(victim, "SIGKILL");
    // The inbox stays locked longer than a new worker waits for the file.
    await new Promise((resolve) => setTimeout(resolve, 6_500));
    database.exec("ROLLBACK");
    database.close();
    expect(origin.process.exitCode).toBeNull();
    await expect.poll(() => workersOf(origin).length, { interval: 50 }).toBe(2);
    expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "stop on %s: requests under way are answered, the port is free, the code is 0",
    async (signal) => {
      const workers = workersOf(origin);
      const { pem: cert, keyPem: key } = files.senders.acme;
      const underWay = await Promise.all(
        Array.from({ length: 4 }, async () => {
          const socket = await connectTls(stack, origin.server, { cert, key });
          let answer = "";
          socket.on("data", (chunk) => {
            answer += chunk;
          });
          socket.on("error", () => {});
          socket.write(`POST /hooks/acme HTTP/1.1\r\nHost: ${origin.server.name}\r\nContent-Length: 4\r\n\r\n{ `);
          return { socket, closed: new Promise((resolve) => socket.once("close", resolve)), answer: () => answer };
        }),
      );
      // Sends four complete requests. Each worker handles at least one of them. When the responses arrive, the workers have also
      // read the beginnings of the four requests above.
      for (let sent = 0; sent < 4; sent += 1) await sendOnce(origin.server, files.senders.acme);
      const ended = new Promise((resolve) => origin.process.once("exit", resolve));
      // A terminal sends SIGINT to the whole process group, so the workers get this signal too.
      for (const pid of signal === "SIGINT" ? workers : []) process.kill(pid, signal);
      origin.process.kill(signal);
      for (const { socket } of underWay) socket.write(" }");
      await Promise.all(underWay.map(({ closed }) => closed));
      for (const { answer } of underWay) expect(answer()).toMatch(/^HTTP\/1\.1 202 /);
      expect(await ended).toBe(0);
      expect(workers.filter(isRunning)).toEqual([]);
      const squatter = createServer();
      await new Promise<void>((resolve, reject) => {
        squatter.once("error", reject);
        squatter.listen(origin.port, "127.0.0.1", resolve);
      });
      squatter.close();
    },
  );

  test("end with their primary when it is killed", async () => {
    const workers = workersOf(origin);
    expect(workers.map(isRunning)).toEqual([true, true]);
    origin.process.kill("SIGKILL");
    await expect.poll(() => workers.some(isRunning), { interval: 50 }).toBe(false);
  });
});

test("a reload warns of a readable secret once, also after a worker was replaced", async () => {
  await using own = new AsyncDisposableStack();
  const given = await writeTlsFiles(own, (policy) => ({
    ...policy,
    senders: { ...policy.senders, signer: { signature: { scheme: "github", secrets: ["SIGNER_KEY"] } } },
    routes: { ...policy.routes, "/signed": { senders: ["signer"], methods: ["POST"] } },
  }));
  const secret = join(dirname(given.policy), "secret");
  writeFileSync(secret, "sesame-0123456789abcdef", { mode: 0o600 });
  process.env["SIGNER_KEY_FILE"] = secret;
  own.defer(() => void delete process.env["SIGNER_KEY_FILE"]);
  const running = await startTlsProcess(own, given, "--workers", "2", "--metrics", "0");
  let stderr = "";
  running.process.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const warnings = () => stderr.match(/"secret_readable"/g)?.length ?? 0;
  const reloading = async (change: () => void) => {
    const reloads = () => running.lines.filter(({ decision }) => decision === "reloaded").length;
    const before = reloads();
    change();
    await expect.poll(reloads, { interval: 20 }).toBe(before + 2);
  };
  const replaceWorker = async (pid: number) => {
    process.kill(pid, "SIGKILL");
    await running.line({ code: "worker_died", pid });
    const isReady = async () => (await fetch(new URL("/readyz", running.ready["metrics"]))).status;
    await expect.poll(isReady, { interval: 50 }).toBe(200);
  };
  const [reporter = 0, other = 0] = workersOf(running);

  await reloading(() => chmodSync(secret, 0o644));
  await expect.poll(warnings).toBe(1);
  await replaceWorker(other);
  await reloading(() => running.process.kill("SIGHUP"));
  await expect.poll(warnings).toBe(2);
  // The worker that replaces `reporter` warns twice: when it starts, and at the reload.
  await replaceWorker(reporter);
  await reloading(() => running.process.kill("SIGHUP"));
  await expect.poll(warnings).toBe(4);
  // If a second worker reported too, its warnings of the first reload would have arrived by now.
  await reloading(() => running.process.kill("SIGHUP"));
  await expect.poll(warnings).toBe(5);
});

test("each reload warns of the policy and of the server's chain once", async () => {
  await using own = new AsyncDisposableStack();
  const given = await writeTlsFiles(own, (policy) => ({
    ...policy,
    senders: { ...policy.senders, holder: { token: { header: "X-Token", secrets: ["HOLDER_TOKEN"] } } },
    routes: { ...policy.routes, "/held": { senders: ["holder"], methods: ["POST"] } },
  }));
  process.env["HOLDER_TOKEN"] = "a-token-of-the-holder";
  own.defer(() => void delete process.env["HOLDER_TOKEN"]);
  const running = await startTlsProcess(own, given, "--workers", "2");
  let stderr = "";
  running.process.stderr?.on("data", (chunk) => {
    stderr += chunk;
  });
  const count = (code: string) => stderr.split(`"${code}"`).length - 1;
  for (const reloads of [1, 2, 3]) {
    running.process.kill("SIGHUP");
    const done = () => running.lines.filter(({ decision }) => decision === "reloaded").length;
    await expect.poll(done, { interval: 20 }).toBe(2 * reloads);
    // If the second worker warned too, its warnings of an earlier reload would have arrived by now.
    await expect.poll(() => [count("policy_finding"), count("server_chain_incomplete")]).toEqual([reloads, reloads]);
  }
});

test("an error that only occurs in the workers ends the program, without endless retries", async () => {
  await using own = new AsyncDisposableStack();
  const { args } = await writeTlsFiles(own);
  const { port } = new URL(await listen(own, () => {}));
  const taken = ["--workers", "2", "--port", port];
  const failed: unknown = await startCountersign([...args, ...taken]).catch((error: unknown) => error);
  expect(String(failed)).toMatch(/ended with [1-9]/);
  const faults = String(failed).match(/port \d+: EADDRINUSE: another program/g) ?? [];
  expect(faults.length).toBeGreaterThan(0);
  expect(faults.length).toBeLessThanOrEqual(2);
});
