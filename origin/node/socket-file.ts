// Makes a Unix socket to which only its owner, or its owner and one group, may connect. So the mode of the socket file proves who
// the peer is.

import cluster from "node:cluster";
import { lstatSync, type Stats, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";

/** Only the owner, or the owner and the group, may connect. */
export type SocketMode = 0o600 | 0o660;

/** Linux's `sun_path` has 108 octets with the final zero. Other systems have a few less. */
const MAX_PATH_OCTETS = 103;
const CONNECT_DEADLINE_MILLISECONDS = 2_000;

/**
 * Listens on a new socket file. Removes a socket that an ended process left behind. Throws an error if anything else is at that
 * path. Closing the server removes the file.
 * @throws ConfigurationError that names the path
 * @internal
 */
export async function listenOnSocket(server: Server, path: string, mode: SocketMode): Promise<void> {
  await explaining(() => makeSocket(server, path, mode));
}

/**
 * Prepares a socket that the workers of a cluster share. Call this function in the primary, before the workers listen. The primary
 * creates the file for the workers, so the umask of the primary determines the mode of the file. This function sets that umask and
 * does not restore the earlier one. Returns the earlier umask, for the workers.
 * @throws ConfigurationError that names the path
 * @internal
 */
export async function prepareSharedSocket({ socket, mode }: { socket: string; mode: SocketMode }): Promise<number> {
  await explaining(() => clearPath(socket));
  return process.umask(maskOf(mode));
}

async function explaining(make: () => Promise<void>): Promise<void> {
  try {
    await make();
  } catch (error) {
    throw new ConfigurationError("listener", [messageOf(error)]);
  }
}

async function makeSocket(server: Server, path: string, mode: SocketMode): Promise<void> {
  // A worker does not clear the path: the primary has already done that, and another worker may be listening.
  if (!cluster.isWorker) await clearPath(path);
  await bind(server, path, mode);
  const bound = statOf(path);
  if (bound === undefined || !bound.isSocket() || (bound.mode & 0o777) !== mode) {
    server.close();
    throw new Error(`${path} could not be created as a socket of mode ${mode.toString(8)}`);
  }
}

async function clearPath(path: string): Promise<void> {
  if (path.includes("\0") || Buffer.byteLength(path) > MAX_PATH_OCTETS) {
    throw new Error(`${JSON.stringify(path)} is not a valid socket path: at most ${MAX_PATH_OCTETS} octets, no NUL`);
  }
  checkDirectory(dirname(path));
  await removeStaleSocket(path);
}

function maskOf(mode: SocketMode): number {
  return 0o777 & ~mode;
}

/** Checks that no other user may write to the directory. Otherwise another user could replace the socket. */
function checkDirectory(path: string): void {
  const directory = statOf(path);
  if (directory === undefined) throw new Error(`the directory ${path} does not exist`);
  if (!directory.isDirectory()) throw new Error(`${path} is not a directory`);
  const isOwn = directory.uid === 0 || directory.uid === process.getuid?.();
  if (!isOwn || (directory.mode & 0o002) !== 0) {
    throw new Error(`${path} may be written by others: a socket needs a directory of its own`);
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const existing = statOf(path);
  if (existing === undefined) return;
  if (!existing.isSocket()) throw new Error(`${path} exists and is not a socket`);
  const answer = await tryConnect(path);
  if (answer !== "ECONNREFUSED") throw new Error(`${path} is in use (${answer})`);
  unlinkSync(path);
}

/** Returns "connected", or the code of the error. The code ECONNREFUSED means that nobody listens on the socket. */
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

/** Creates the socket file with its mode. If the mode were set after the file is created, others could connect before it is set. */
function bind(server: Server, path: string, mode: SocketMode): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    const previous = process.umask(maskOf(mode));
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

/** Returns the facts about a path. Does not follow a symbolic link, so a link counts neither as a directory nor as a socket. */
function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}
