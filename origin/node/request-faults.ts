// Handles requests that Node ends before any handler is called. For each request, writes one log line and sends the response that
// Node would send.

import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { LogLine } from "../../core/log-line.ts";

/**
 * The HTTP status for each error code of Node and its parser. For any other code, the status is 400, because the request is
 * malformed.
 */
const STATUSES: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};
const REQUEST_FAULT_CODES = /^HPE_|^ERR_HTTP_/;

const REMEDIES: Readonly<Record<number, string>> = {
  400: "Node's parser does not accept the request: see parser and reason",
  408: "the request was not complete in time: a slow sender, or an abandoned connection",
  413: "the chunks of the body have more extensions than are accepted",
  417: "the request has an Expect header other than 100-continue",
  431: "the header fields are larger than this listener accepts",
};

/** The first bytes of a TLS handshake and of the PROXY protocol, which often come to an HTTP port by mistake. */
const OTHER_PROTOCOLS: ReadonlyArray<readonly [begin: string, why: string]> = [
  ["\x16\x03", "TLS came to a port that speaks plain HTTP: the URL begins with https:// where http:// belongs"],
  ["PROXY ", "a load balancer sends the header of the PROXY protocol: switch it off there"],
  ["\r\n\r\n\0\r\nQUIT", "a load balancer sends the header of the PROXY protocol: switch it off there"],
];

interface ParserError extends Error {
  readonly code?: string;
  readonly reason?: string;
  readonly rawPacket?: Uint8Array;
}

/**
 * Logs each request that Node itself ends. The log line contains nothing of the request. A fault inside a body is logged by the
 * handler that reads the body, because the handler gets the parser's error.
 */
export function logFaults(server: Server, log: (line: LogLine) => void): void {
  const latest = new WeakMap<Duplex, IncomingMessage>();
  /** For each connection, the responses that are not completely written yet. */
  const owed = new WeakMap<Duplex, Set<ServerResponse>>();
  const ended = new WeakSet<Duplex>();
  server.prependListener("request", (request, answer) => {
    const { socket } = request;
    const answers = owed.get(socket) ?? new Set();
    owed.set(socket, answers.add(answer));
    latest.set(socket, request);
    answer.once("close", () => answers.delete(answer));
  });
  // Node also emits `clientError` for errors of handshakes and of connections. These are not logged here, because a handshake has a
  // log line of its own, and an error of a connection ends no request.
  server.on("clientError", (error: ParserError, socket) => {
    const { code = "", reason = error.message } = error;
    if (!REQUEST_FAULT_CODES.test(code) || ended.has(socket)) return void socket.destroy();
    ended.add(socket);
    const status = STATUSES[code] ?? 400;
    const request = latest.get(socket);
    const isInBody = request?.complete === false;
    if (!isInBody) log(describeFault(status, { parser: code, reason, peer: peerOf(socket) }, error.rawPacket));
    const end = () => (isInBody ? request.destroy(new Error(`${code}: ${reason}`)) : socket.destroy());
    // If another response has begun on the connection, this response is not sent, because the client would read it as a part of the
    // other response.
    const answers = [...(owed.get(socket) ?? [])];
    const hasBegun = answers.some((answer) => answer.headersSent && !answer.writableFinished);
    if (hasBegun || !socket.writable) end();
    else endWith(socket, status, end);
  });
  server.on("checkExpectation", ({ socket }: IncomingMessage, answer: ServerResponse) => {
    log(describeFault(417, { peer: socket.remoteAddress }));
    answer.writeHead(417, { connection: "close" }).end();
  });
  server.on("connect", (_: IncomingMessage, socket) => {
    // After CONNECT, Node no longer handles errors of this socket, and an unhandled error would end the process.
    socket.on("error", () => socket.destroy());
    log(describeFault(400, { reason: "CONNECT", peer: peerOf(socket) }));
    endWith(socket, 400, () => socket.destroy());
  });
}

function describeFault(
  status: number,
  facts: Readonly<Record<string, unknown>>,
  packet: Uint8Array = new Uint8Array(),
): LogLine {
  const text = Buffer.from(packet.subarray(0, 16)).toString("latin1");
  const why = OTHER_PROTOCOLS.find(([begin]) => text.startsWith(begin))?.[1] ?? REMEDIES[status];
  return { decision: "refused", code: "request_unreadable", status, ...facts, why };
}

function endWith(socket: Duplex, status: number, end: () => void): void {
  socket.once("finish", end);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
}

function peerOf(socket: Duplex): string | undefined {
  return (socket as { readonly remoteAddress?: string }).remoteAddress;
}
