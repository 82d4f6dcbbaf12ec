// Tells how many octets a server has not read yet. On Linux, /proc shows the queues of each connection.

import { readFileSync } from "node:fs";
import type { Socket } from "node:net";

/**
 * Returns the number of octets on their way from this socket to a server on the loopback. It is 0 when the server has read all of
 * them, or the connection is closed. The callback of `write` says less: it is called when the kernel has taken the octets, and the
 * kernel can hold several MiB that nobody has read.
 */
export function unreadOctets({ localPort, remotePort }: Socket): number {
  // The queue of the sender is read first. Otherwise octets that move to the queue of the receiver between the two reads would be
  // in neither number.
  const unsent = queuesOf(localPort, remotePort).sending;
  return unsent + queuesOf(remotePort, localPort).receiving;
}

function queuesOf(local: number | undefined, remote: number | undefined): { sending: number; receiving: number } {
  const ends = (fields: readonly string[]) => fields.slice(1, 3).map((end) => Number.parseInt(end.slice(-4), 16));
  const fields = readFileSync("/proc/net/tcp", "utf8")
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((candidate) => ends(candidate)[0] === local && ends(candidate)[1] === remote);
  const [sending = 0, receiving = 0] = fields?.[4]?.split(":").map((octets) => Number.parseInt(octets, 16)) ?? [];
  return { sending, receiving };
}
