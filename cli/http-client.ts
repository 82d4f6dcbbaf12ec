// Sends one HTTP or HTTPS request as a sender does, with or without a client certificate.

import type { IncomingMessage } from "node:http";

export interface SendOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Uint8Array | string;
  /** The certificate followed by its intermediates, and the key, in PEM. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the CA that signed the server's certificate. Default: the system's roots. */
  readonly serverCa?: string | undefined;
  /** The server name in the handshake. Default: the host of the URL. */
  readonly serverName?: string | undefined;
  /** If false, the server's certificate is not verified. Default: true. */
  readonly isServerVerified?: boolean;
}

export interface BufferedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The first MAX_ANSWER_BYTES of the response body. */
  readonly body: string;
  /** True if the body was longer than MAX_ANSWER_BYTES. */
  readonly isCut?: true;
}

/** The time limit for the whole response. */
const TIMEOUT_MILLISECONDS = 30_000;
/**
 * At most this many octets of a response body are read. A usual receiver answers with a line or a page, but the server may be any
 * program.
 */
export const MAX_ANSWER_BYTES = 1024 * 1024;

/** Sends the request on a new connection, so that each request makes a handshake. @throws Error if there is no response */
export async function sendEvent(url: string, options: SendOptions): Promise<BufferedResponse> {
  const { method, headers, body, certificate, key, serverCa, serverName, isServerVerified = true } = options;
  // Loads only the module that is needed. Loading node:http also loads fetch, which takes as long as the start of Node itself.
  const { request } = url.startsWith("http:") ? await import("node:http") : await import("node:https");
  return await new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      headers: { ...lengthOf(method, body), ...headers },
      agent: false,
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
      ...(certificate !== undefined && { cert: certificate, key }),
      ...(serverCa !== undefined && { ca: serverCa }),
      ...(serverName !== undefined && { servername: serverName }),
      rejectUnauthorized: isServerVerified,
    });
    const fail = (error: Error) =>
      reject(error.name === "AbortError" ? new Error(`no answer within ${TIMEOUT_MILLISECONDS / 1000} s`) : error);
    outgoing.on("error", fail);
    outgoing.on("response", (response) => readAnswer(response).then(resolve, fail));
    outgoing.end(body);
  });
}

/** Returns the header with the length of the body. Returns no header for a GET or HEAD request without a body (RFC 9110 §8.6). */
function lengthOf(method: string, body: Uint8Array | string): Record<string, string> {
  const length = Buffer.byteLength(body);
  return length === 0 && (method === "GET" || method === "HEAD") ? {} : { "content-length": String(length) };
}

async function readAnswer(response: IncomingMessage): Promise<BufferedResponse> {
  const { statusCode: status = 0, headers } = response;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop early closes the connection.
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) break;
  }
  const body = Buffer.concat(chunks).subarray(0, MAX_ANSWER_BYTES).toString();
  return { status, headers, body, ...(size > MAX_ANSWER_BYTES && { isCut: true }) };
}
