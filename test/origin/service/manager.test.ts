// Tests an origin under systemd, and as the first process of a container: what it reports to its service manager, and which signals
// end it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ROOT, startCountersign } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { endProcess, type TlsFiles, writeTlsFiles } from "../../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let directory: string;
const file = (name: string) => join(directory, name);

beforeAll(async () => {
  files = await writeTlsFiles(stack);
  directory = temporaryDirectory(stack);
});
afterAll(() => stack.disposeAsync());

const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
print("bound", flush=True)
while True:
    print(receiver.recv(4096).decode().replace("\\n", " "), flush=True)
`;

/**
 * Starts the receiving side of a service manager. It is a program in Python, because Node has no Unix datagram sockets. Returns the
 * list that receives the messages, without the barriers of systemd-notify.
 */
async function receive(socket: string): Promise<readonly string[]> {
  const receiver = spawn("python3", ["-c", RECEIVER, socket], { stdio: ["ignore", "pipe", "inherit"] });
  stack.defer(() => void receiver.kill());
  const messages: string[] = [];
  const output = createInterface({ input: receiver.stdout });
  output.on("line", (line) => line !== "BARRIER=1" && messages.push(line));
  await expect.poll(() => messages).toContain("bound");
  return messages;
}

/** Kills a primary and its workers. A worker with a blocked event loop does not notice that its primary has ended. */
function killWithWorkers({ pid }: ChildProcess): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  for (const one of [Number(pid), ...children.map(Number)]) process.kill(one, "SIGKILL");
}

const hasManager = existsSync("/usr/bin/systemd-notify") && existsSync("/usr/bin/python3");

describe.skipIf(!hasManager)("a service manager", () => {
  test.each<[string, readonly string[]]>([
    ["one process", []],
    ["two workers", ["--workers", "2"]],
  ])("is told by %s when it is ready, that it is alive, and when it stops, once each", async (name, more) => {
    const socket = file(`${name}.sock`);
    const messages = await receive(socket);
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "4000000" };
    const origin = await startCountersign([...files.args, ...more], environment);
    stack.defer(() => endProcess(origin));
    await expect.poll(() => messages).toContain("WATCHDOG=1");
    expect(await origin.stop()).toBe(0);
    await expect.poll(() => messages.at(-1)).toMatch(/^STOPPING=1 /);
    expect(messages.filter((message) => message !== "WATCHDOG=1")).toEqual([
      "bound",
      `READY=1 STATUS=serving at ${origin.ready["origin"]}`,
      "STOPPING=1 STATUS=answering what is in flight",
    ]);
  });

  test("gets no message from a blocked event loop, and a worker with a blocked loop is killed and replaced", async () => {
    const socket = file("blocked.sock");
    const messages = await receive(socket);
    writeFileSync(file("blocking.ts"), "export default () => { for (;;); };\n");
    const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "1600000" };
    const single = await startCountersign([...files.args, "--handler", file("blocking.ts")], environment);
    stack.defer(() => void single.process.kill("SIGKILL"));
    const send = async ({ ready }: typeof single) => {
      const port = Number(new URL(ready["origin"] ?? "").port);
      await sendOnce({ port, ca: files.serverCa.pem, name: A }, files.senders.acme);
    };
    await send(single);
    await single.line({ decision: "accepted" });
    const beats = () => messages.filter((message) => message === "WATCHDOG=1").length;
    const beatsMeanwhile = async () => {
      const before = beats();
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      return beats() - before;
    };
    // Messages that were sent before the event loop was blocked may arrive late, so the count is polled. beatsMeanwhile() counts
    // the messages of 2.5 seconds. In this time, a running event loop would send about three messages.
    await expect.poll(beatsMeanwhile).toBe(0);
    single.process.kill("SIGKILL");
    await once(single.process, "exit");

    const several = await startCountersign(
      [...files.args, "--handler", file("blocking.ts"), "--workers", "2"],
      environment,
    );
    stack.defer(() => killWithWorkers(several.process));
    await send(several).catch(() => "blocked before its answer");
    expect(await several.line({ code: "worker_died" })).toMatchObject({ cause: "it hung, and was killed" });
  });

  test("that cannot be reached is reported once, and the origin serves", async () => {
    const environment = { NOTIFY_SOCKET: file("nobody.sock"), WATCHDOG_USEC: "400000" };
    const origin = await startCountersign(files.args, environment);
    stack.defer(() => endProcess(origin));
    let stderr = "";
    origin.process.stderr?.on("data", (chunk) => {
      stderr += chunk;
    });
    await expect.poll(() => stderr).toContain('"code":"notify_failed"');
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await origin.stop()).toBe(0);
    expect(stderr.match(/notify_failed/g)).toHaveLength(1);
  });
});

const isRoot = process.getuid?.() === 0 && existsSync("/usr/bin/unshare");

/**
 * Starts the program as the first process of a PID namespace. Returns its process id outside of the namespace, and its exit code.
 */
async function startAsFirst(
  args: readonly string[],
): Promise<{ child: ChildProcess; pid: number; code: Promise<number> }> {
  const line = ["--pid", "--fork", "--kill-child", process.execPath, "cli/main.ts", ...args];
  const child = spawn("unshare", line, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const code = once(child, "exit").then(([code]) => code as number);
  const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
  await expect.poll(children, { interval: 10 }).not.toBe("");
  return { child, pid: Number(children()), code };
}

describe.skipIf(!isRoot)("as the first process of a container", () => {
  test("SIGTERM ends an origin cleanly, with 0", async () => {
    const { child, pid, code } = await startAsFirst([...files.args, "--json"]);
    if (child.stdout !== null) await once(child.stdout, "data");
    process.kill(pid, "SIGTERM");
    expect(await code).toBe(0);
  });

  test("SIGTERM ends a command that has no signal handler of its own", async () => {
    const silent = createServer();
    onTestFinished(() => void silent.close());
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const { pid, code } = await startAsFirst(["send", `https://127.0.0.1:${port}/`]);
    const [socket] = (await once(silent, "connection")) as [Socket];
    socket.on("error", () => {});
    process.kill(pid, "SIGTERM");
    expect(await code).toBe(143);
  });
});
