// Finds a free port, for tests that start a program which cannot report its port, and for tests that need a port at which nothing
// listens.

import { createServer } from "node:net";

/**
 * The range of the ports to try. Linux uses only higher ports for outgoing connections and for servers with port 0. So no such
 * connection or server takes a port of this range.
 */
const [FIRST, COUNT] = [16_000, 16_000];

/** Returns a port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
