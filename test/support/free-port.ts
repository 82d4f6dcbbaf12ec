// Finds a free port, for a program that cannot report its port, or as a port on which nothing listens.

import { createServer } from "node:net";

/** Linux gives higher ports to outgoing connections and to servers with port 0, so none of them takes one of these ports. */
const [FIRST, COUNT] = [16_000, 16_000];

/** A port of the loopback that is free now. */
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
