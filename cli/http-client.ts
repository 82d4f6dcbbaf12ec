// One HTTPS request the way a sender makes it: with a client certificate, or without.

import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

export interface SendOptions {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body: Uint8Array | string;
  /** PEM: the certificate followed by its intermediates, and the key. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the CA that signed the server's certificate; the system's roots otherwise. */
  readonly serverCa?: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

const TIMEOUT_MILLISECONDS = 30_000;

/** Sends on a connection of its own, so that each request makes a handshake. @throws Error when no answer comes */
export function sendEvent(url: string, options: SendOptions): Promise<Answer> {
  const { method, headers, body, certificate, key, serverCa } = options;
  const request = url.startsWith("http:") ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, {
      method,
      headers: { "content-length": String(Buffer.byteLength(body)), ...headers },
      agent: false,
      timeout: TIMEOUT_MILLISECONDS,
      ...(certificate !== undefined && { cert: certificate, key }),
      ...(serverCa !== undefined && { ca: serverCa }),
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MILLISECONDS / 1000} s`)));
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    outgoing.end(body);
  });
}
