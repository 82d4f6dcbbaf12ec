// Tells the service manager that started the program (systemd, Type=notify) that it is ready, lives, and stops. Node has no datagram
// sockets of Unix, and node:ffi is experimental: systemd-notify, which comes with systemd, is run for each message.

import { spawn } from "node:child_process";
import { complainLogLine } from "./output.ts";

/** How long one run of systemd-notify may take: it waits until the manager has read the message. */
const DEADLINE_MILLISECONDS = 10_000;

let hasFailed = false;

/** Once: the service is up, at this URL. From now on the manager hears that it lives, where it asks for that. */
export function tellReady(url: string): void {
  notify("READY=1", `STATUS=serving at ${url}`);
  const milliseconds = watchdogMilliseconds();
  // By the loop that serves requests, or starts those that do: when it is blocked, nothing is told. Twice in the time, as systemd advises.
  if (milliseconds !== undefined) setInterval(() => notify("WATCHDOG=1"), milliseconds / 2).unref();
}

/** The service answers what is in flight, and ends. */
export function tellStopping(): void {
  notify("STOPPING=1", "STATUS=answering what is in flight");
}

/** Within which time the manager wants to hear something; undefined where it does not. */
export function watchdogMilliseconds(): number | undefined {
  const microseconds = Number(process.env["WATCHDOG_USEC"]);
  return microseconds > 0 ? microseconds / 1000 : undefined;
}

/** Without a manager nothing happens. That it cannot be told is said once: it will end a service that it takes for hung. */
function notify(...variables: readonly string[]): void {
  if (!process.env["NOTIFY_SOCKET"]) return;
  const child = spawn("systemd-notify", variables, {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: DEADLINE_MILLISECONDS,
  });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  child.on("error", ({ message }) => fail(message));
  child.on("close", (code) => code !== 0 && fail(stderr.trim() || `systemd-notify ended with ${code}`));
}

function fail(cause: string): void {
  if (hasFailed) return;
  hasFailed = true;
  const why = "the service manager was not told: under Type=notify it ends what does not answer";
  complainLogLine({
    decision: "warning",
    code: "notify_failed",
    cause,
    why,
    remedy: "NotifyAccess=all, and systemd-notify in PATH; or Type=exec",
  });
}
