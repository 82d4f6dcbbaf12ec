// Ends an HTTP server so that every request that it has begun is answered, and nothing else holds it open.
// Node's own close() waits for connections on which nothing is asked, or on which one request follows the other.

import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/** Orchestrators kill after 30 s: what is not answered by then is cut here, in good order. */
const DEADLINE_MILLISECONDS = 20_000;

/**
 * Keeps an eye on a server's requests from now on. The function that it returns stops listening, answers what is in
 * flight, says `Connection: close` with each answer, then resolves.
 */
export function closesGracefully(server: Server): () => Promise<void> {
  /** Open connections with the last answer that is owed on each: answers go out in order, so it is the last to wait for. */
  const connections = new Map<Socket, ServerResponse | undefined>();
  let isClosing = false;

  // Of a TLS connection the socket below is not ours to end; a handshake under way has its own time limit.
  server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    if (isClosing) socket.destroy();
    connections.set(socket, undefined);
    socket.once("close", () => connections.delete(socket));
  });
  server.prependListener("request", ({ socket }, answer) => {
    connections.set(socket, answer);
    if (isClosing) answer.setHeader("connection", "close");
    answer.on("close", () => {
      if (connections.get(socket) !== answer) return;
      connections.set(socket, undefined);
      if (isClosing) socket.end();
    });
  });

  return () =>
    new Promise((resolve, reject) => {
      isClosing = true;
      const deadline = setTimeout(() => server.closeAllConnections(), DEADLINE_MILLISECONDS);
      server.close((error) => {
        clearTimeout(deadline);
        if (error === undefined) resolve();
        else reject(error);
      });
      for (const [socket, answer] of connections) {
        if (answer === undefined) socket.destroy();
        else if (!answer.headersSent) answer.setHeader("connection", "close");
      }
    });
}
