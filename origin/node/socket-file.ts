// A Unix socket that only its owner, or its owner and one group, may connect to: the file's mode is the proof of the peer.

import { lstatSync, type Stats, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { ConfigurationError } from "../../core/configuration-error.ts";

/** Owner alone, or owner and group. */
export type SocketMode = 0o600 | 0o660;

/** `sun_path` of Linux has 108 octets with the closing zero; other systems have a few less. */
const MAX_PATH_OCTETS = 103;
const CONNECT_DEADLINE_MILLISECONDS = 2_000;

/**
 * Listens on a new socket file. What is left of an ended process is removed; anything else at that path is kept and is
 * an error. Closing the server removes the file.
 * @throws ConfigurationError that names the path
 * @internal
 */
export async function listenOnSocket(server: Server, path: string, mode: SocketMode): Promise<void> {
  try {
    await makeSocket(server, path, mode);
  } catch (error) {
    throw new ConfigurationError("listener", [error instanceof Error ? error.message : String(error)]);
  }
}

async function makeSocket(server: Server, path: string, mode: SocketMode): Promise<void> {
  if (path.includes("\0") || Buffer.byteLength(path) > MAX_PATH_OCTETS) {
    throw new Error(`${JSON.stringify(path)} is no path of a socket: at most ${MAX_PATH_OCTETS} octets, no NUL`);
  }
  checkDirectory(dirname(path));
  await removeStaleSocket(path);
  await bind(server, path, mode);
  const bound = statOf(path);
  if (bound === undefined || !bound.isSocket() || (bound.mode & 0o777) !== mode) {
    server.close();
    throw new Error(`${path} did not become a socket of mode ${mode.toString(8)}`);
  }
}

/** Whoever may write to the directory may put a socket of theirs in the place of ours. */
function checkDirectory(path: string): void {
  const directory = statOf(path);
  if (directory === undefined) throw new Error(`the directory ${path} does not exist`);
  if (!directory.isDirectory()) throw new Error(`${path} is no directory`);
  const isOwn = directory.uid === 0 || directory.uid === process.getuid?.();
  if (!isOwn || (directory.mode & 0o002) !== 0) {
    throw new Error(`${path} may be written by others: a socket needs a directory of its own`);
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const existing = statOf(path);
  if (existing === undefined) return;
  if (!existing.isSocket()) throw new Error(`${path} exists and is no socket`);
  const answer = await tryConnect(path);
  if (answer !== "ECONNREFUSED") throw new Error(`${path} is in use (${answer})`);
  unlinkSync(path);
}

/** "connected", or the code of the error. Nobody listens on a socket that refuses. */
function tryConnect(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: string) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(CONNECT_DEADLINE_MILLISECONDS, () => settle("no answer"));
    socket.once("connect", () => settle("connected"));
    socket.once("error", ({ code = "unknown error" }: NodeJS.ErrnoException) => settle(code));
  });
}

/** The file is made with its mode: there is no moment in which others could connect. */
function bind(server: Server, path: string, mode: SocketMode): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const previous = process.umask(0o777 & ~mode);
    try {
      server.listen(path, () => {
        server.off("error", reject);
        resolve();
      });
    } finally {
      process.umask(previous);
    }
  });
}

/** Without following a link: a link is no directory of its own, and no socket. */
function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
