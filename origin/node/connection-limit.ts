// Limits the connections of a process, because each connection may hold a request head and part of a body in memory before anything
// is known of the client.

import type { Server } from "node:net";
import type { LogLine } from "../../core/log-line.ts";

/**
 * The largest number of open connections. A webhook listener has a handful of senders. A proxy or an edge opens a few dozen
 * connections.
 */
export const MAX_CONNECTIONS = 1_000;
/** The shortest time between two log lines about the limit. A stranger, who opens connections at no cost, must not fill the log. */
const SILENCE_MILLISECONDS = 60_000;

/** Closes connections above the limit. Logs the first connection that is closed, and then at most one line a minute. */
export function limitConnections(server: Server, log: (line: LogLine) => void): void {
  server.maxConnections = MAX_CONNECTIONS;
  let toldAt = Number.NEGATIVE_INFINITY;
  let dropped = 0;
  server.on("drop", (data) => {
    dropped += 1;
    if (performance.now() - toldAt < SILENCE_MILLISECONDS) return;
    const why = `${MAX_CONNECTIONS} connections are open, and further ones are closed: somebody opens many, or senders leave theirs open`;
    log({ decision: "failed", code: "connections_full", why, dropped, peer: data?.remoteAddress });
    [toldAt, dropped] = [performance.now(), 0];
  });
}
