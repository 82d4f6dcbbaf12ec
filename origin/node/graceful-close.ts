// Closes an HTTP server after every request in progress is answered. Node's own `close()` would also wait for connections on which
// requests follow one another without a pause. In older versions of Node, `close()` would also wait for connections that have sent
// no request yet.

import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { Server as TlsServer } from "node:tls";

/**
 * After this time, all connections are closed, even if requests are not answered yet. It is shorter than 30 s, because
 * orchestrators kill a process after 30 s.
 */
const DEADLINE_MILLISECONDS = 20_000;

/**
 * Tracks the requests of a server from now on. Returns a function that stops listening, waits until the requests in progress are
 * answered, and then resolves. After a call of the returned function, new responses carry `Connection: close`.
 */
export function closesGracefully(server: Server): () => Promise<void> {
  /**
   * The open connections, each with its last unsent response. Responses on a connection are sent in order, so it is enough to wait
   * for the last one.
   */
  const connections = new Map<Socket, ServerResponse | undefined>();
  let isClosing = false;

  // On a TLS server, the TLS socket is tracked, and not the TCP socket below it. A handshake in progress has its own time limit.
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
