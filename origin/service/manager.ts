// Tells the service manager (systemd, Type=notify) that the program is ready, alive, or stopping. For each message, the program
// runs `systemd-notify`, a part of systemd, because Node has no Unix datagram sockets and node:ffi is experimental.

import { spawn } from "node:child_process";
import type { LogLine } from "../../core/log-line.ts";

/** The limit for one run of `systemd-notify`, which waits until the manager has read the message. */
const DEADLINE_MILLISECONDS = 10_000;

type Warn = (line: LogLine) => void;

let hasFailed = false;

/**
 * Reports that the service is up at this URL. Call this function once. If the service manager has a watchdog, the function also
 * sends it a message at intervals.
 */
export function notifyReady(url: string, warn: Warn): void {
  notify(warn, "READY=1", `STATUS=serving at ${url}`);
  const milliseconds = watchdogMilliseconds();
  // The message is sent from the event loop that serves requests. With several workers, it is the event loop of the process that
  // watches them. If this loop is blocked, no message is sent, and the watchdog notices it. Two messages are sent in each interval,
  // as systemd advises.
  if (milliseconds !== undefined) setInterval(() => notify(warn, "WATCHDOG=1"), milliseconds / 2).unref();
}

/** Reports that the service answers the requests in progress and then ends. */
export function notifyStopping(warn: Warn): void {
  notify(warn, "STOPPING=1", "STATUS=answering what is in flight");
}

/** Returns the longest time that the watchdog allows between two messages. Undefined if there is no watchdog. */
export function watchdogMilliseconds(): number | undefined {
  const microseconds = Number(process.env["WATCHDOG_USEC"]);
  return microseconds > 0 ? microseconds / 1000 : undefined;
}

/**
 * Sends variables to the service manager. Does nothing if there is no service manager. Logs the first failure, because a service
 * manager that receives no messages considers the service hung.
 */
function notify(warn: Warn, ...variables: readonly string[]): void {
  if (!process.env["NOTIFY_SOCKET"]) return;
  const child = spawn("systemd-notify", variables, {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: DEADLINE_MILLISECONDS,
  });
  const fail = (cause: string) => {
    if (!hasFailed) warn(describeFailure(cause));
    hasFailed = true;
  };
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  child.on("error", ({ message }) => fail(message));
  child.on("close", (code) => code !== 0 && fail(stderr.trim() || `systemd-notify ended with ${code}`));
}

function describeFailure(cause: string): LogLine {
  const why = "the service manager was not told: under Type=notify it ends what does not answer";
  return {
    decision: "warning",
    code: "notify_failed",
    cause,
    why,
    remedy: "NotifyAccess=all, and systemd-notify in PATH; or Type=exec",
  };
}
