// So many connections of a process at a time: each may hold a head, and a body of some size, before anything is known of it.

import type { Server } from "node:net";
import type { LogLine } from "../../core/decision.ts";

/** A webhook listener serves a handful of senders, a proxy or an edge opens some dozens. */
export const MAX_CONNECTIONS = 1_000;
/** A connection costs a stranger nothing. */
const SILENCE_MILLISECONDS = 60_000;

/** Closes what comes above the limit. A line tells of the first, and one a minute of those after it. */
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
