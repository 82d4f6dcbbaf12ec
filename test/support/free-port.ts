// A port for a program that cannot say which one it took, or on which nothing shall listen.

import { createServer } from "node:net";

/** Below those that Linux gives to outgoing connections and to servers without a choice of their own: none of these takes it meanwhile. */
const [FIRST, COUNT] = [16_000, 16_000];

/** A port of loopback that is free now. */
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
