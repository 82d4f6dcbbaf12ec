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
  const sockets = new Set<Socket>();
  const answers = new Set<ServerResponse>();
  let isClosing = false;

  // Of a TLS connection the socket below is not ours to end; a handshake under way has its own time limit.
  server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    if (isClosing) socket.destroy();
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.prependListener("request", (request, answer) => {
    answers.add(answer);
    if (isClosing) answer.setHeader("connection", "close");
    answer.once("close", () => {
      answers.delete(answer);
      if (isClosing) request.socket.end();
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
      const busy = new Set([...answers].map(({ req }) => req.socket));
      for (const socket of sockets) if (!busy.has(socket)) socket.destroy();
      for (const answer of answers) if (!answer.headersSent) answer.setHeader("connection", "close");
    });
}
