// HTTP requests and servers for tests. Headers are sent as written, and bodies as bytes. Nothing is decoded, and no redirect is
// followed.

import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  request,
} from "node:http";
import { request as requestTls } from "node:https";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { freePort } from "./free-port.ts";

export type HeaderList = readonly (readonly [name: string, value: string])[];

export type Chunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

export interface RawRequest {
  readonly url: string;
  /** The request target, which is sent exactly as written. Default: the path and query of `url`. */
  readonly target?: string;
  readonly method?: string;
  readonly headers?: HeaderList;
  /** A body of bytes is sent with Content-Length. An iterable is sent with chunked encoding. */
  readonly body?: string | Uint8Array | Chunks;
  readonly host?: string;
  /** This function is called when the first part of the response's body has arrived. */
  readonly onFirstChunk?: () => void;
  /** The CA of the server's certificate, and the name that the certificate must have. */
  readonly server?: { readonly ca: string; readonly name: string };
  /** The path of a Unix socket to use instead of the host and port of `url`. */
  readonly socket?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** Sends one request on its own connection. Returns the response even if the server did not read all of the request. */
export async function exchange(raw: RawRequest): Promise<RawAnswer> {
  const url = new URL(raw.url);
  const { host = url.host, body = "" } = raw;
  const bytes = typeof body === "string" || body instanceof Uint8Array ? Buffer.from(body) : undefined;
  const framing: HeaderList =
    bytes === undefined ? [["Transfer-Encoding", "chunked"]] : [["Content-Length", String(bytes.byteLength)]];
  const hasFraming = raw.headers?.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name)) ?? false;
  const options: RequestOptions & { ca?: string; servername?: string } = {
    hostname: url.hostname,
    port: url.port,
    path: raw.target ?? url.pathname + url.search,
    method: raw.method ?? "POST",
    headers: [["Host", host], ...(raw.headers ?? []), ...(hasFraming ? [] : framing)].flat(),
    agent: false,
    ...(raw.server !== undefined && { ca: raw.server.ca, servername: raw.server.name }),
    ...(raw.socket !== undefined && { socketPath: raw.socket }),
  };
  const outgoing = (url.protocol === "https:" ? requestTls : request)(options);
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  outgoing.on("error", () => {});
  if (bytes !== undefined) outgoing.end(bytes);
  else void writeChunks(outgoing, body as Chunks);
  const [response] = await answered;
  if (raw.onFirstChunk !== undefined) response.once("readable", raw.onFirstChunk);
  const answer = { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
  outgoing.destroy();
  return answer;
}

/** Sends the headers at once, and each chunk of the body when it is available. */
async function writeChunks(outgoing: ClientRequest, chunks: Chunks): Promise<void> {
  const closed = new Promise((resolve) => outgoing.once("close", resolve));
  outgoing.flushHeaders();
  for await (const chunk of chunks) {
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) {
      await Promise.race([closed, new Promise((resolve) => outgoing.once("drain", resolve))]);
    }
  }
  outgoing.end();
}

export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  /** The headers in the order and the spelling in which they were sent. */
  readonly headers: HeaderList;
  readonly body: Buffer;
}

/** Starts a server on a free port of the loopback. The server is closed when the stack is disposed. */
export async function listen(stack: AsyncDisposableStack, handler: RequestListener): Promise<string> {
  const server = createServer({ maxHeaderSize: 64 * 1024 }, handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(async () => {
    server.close();
    server.closeAllConnections();
    await once(server, "close");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Returns a URL at which nothing listens. */
export async function refusingUrl(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

/** Reads the whole request, including its body. */
export async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const { method = "", url: target = "", rawHeaders } = incoming;
  const headers: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) headers.push([rawHeaders[i] ?? "", rawHeaders[i + 1] ?? ""]);
  return { method, target, headers, body: await buffer(incoming) };
}

/** Returns the values of a header. The case of its name does not matter. */
export function valuesOf(headers: HeaderList, name: string): string[] {
  return headers.flatMap(([other, value]) => (other.toLowerCase() === name.toLowerCase() ? [value] : []));
}
