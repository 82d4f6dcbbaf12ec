// Senders with mutual TLS: Node's client with a persistent connection, and `openssl s_client`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { buffer } from "node:stream/consumers";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { HeaderList, RawAnswer } from "./http.ts";

/** A listener on the loopback: its port, the CA of its certificate, and one of its names. */
export interface TlsServer {
  readonly port: number;
  readonly ca: string;
  readonly name: string;
}

/** A certificate followed by its intermediates, and the key of the certificate, in PEM. */
export interface ClientPem {
  readonly pem: string;
  readonly keyPem: string;
}

export interface TlsRequest {
  readonly target?: string;
  readonly method?: string;
  readonly host?: string;
  readonly headers?: HeaderList;
  readonly body?: string | Uint8Array;
}

export interface TlsAnswer extends RawAnswer {
  /** The members of a problem+json body. The object is empty for any other response. */
  readonly problem: { readonly decision?: string; readonly code?: string };
  /** True if an earlier request used the same connection. */
  readonly isKeptAlive: boolean;
  readonly socket: TLSSocket;
}

/** A sender with at most one connection. The connection stays open between requests. */
export class TlsSender {
  readonly #agent: Agent;
  readonly #server: TlsServer;

  constructor(server: TlsServer, client?: ClientPem, options: ConnectionOptions = {}) {
    this.#server = server;
    const { port, ca, name: servername } = server;
    // The agent stores no sessions. Otherwise the agent would resume sessions by itself. In these tests, the test decides whether
    // a session is resumed.
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 1,
      maxCachedSessions: 0,
      host: "127.0.0.1",
      port,
      ca,
      servername,
      ...(client !== undefined && { cert: client.pem, key: client.keyPem }),
      ...options,
    });
  }

  async send({ target = "/hooks/acme", method = "POST", host, headers = [], body = "{}" }: TlsRequest = {}) {
    const outgoing = request({
      agent: this.#agent,
      method,
      path: target,
      headers: [
        ["Host", host ?? this.#server.name],
        ["Content-Length", String(Buffer.byteLength(body))],
        ...headers,
      ].flat(),
    });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    const bytes = await buffer(response);
    const answer: TlsAnswer = {
      status: response.statusCode ?? 0,
      headers: response.headers,
      body: bytes,
      problem: `${response.headers["content-type"]}`.includes("problem+json") ? JSON.parse(bytes.toString()) : {},
      isKeptAlive: outgoing.reusedSocket,
      socket: outgoing.socket as TLSSocket,
    };
    // Waits one turn of the event loop, so that the agent can use the connection again.
    await new Promise((resolve) => setImmediate(resolve));
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends one request on its own connection. */
export async function sendOnce(server: TlsServer, client?: ClientPem, request?: TlsRequest, tls?: ConnectionOptions) {
  const sender = new TlsSender(server, client, tls);
  try {
    return await sender.send(request);
  } finally {
    sender.close();
  }
}

/** Sends a request that must get no HTTP response. Resolves to the error code. @throws Error if there is a response */
export async function sendInVain(server: TlsServer, client?: ClientPem, request?: TlsRequest, tls?: ConnectionOptions) {
  const answer = await sendOnce(server, client, request, tls).catch((error: NodeJS.ErrnoException) => error);
  if (answer instanceof Error) return answer.code ?? answer.message;
  throw new Error(`answered with ${answer.status}`);
}

/** Opens a TLS connection, to send data that no HTTP client sends. Resolves when the handshake is complete on this side. */
export async function connectTls(
  stack: AsyncDisposableStack,
  { port, ca, name: servername }: TlsServer,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ host: "127.0.0.1", port, ca, servername, ...options });
  stack.defer(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

export interface OpensslOutput {
  readonly text: string;
  /** The list `Acceptable client certificate CA names` that the client printed. The names have the form of RFC 2253. */
  readonly caNames: readonly string[];
  /** The list `Requested Signature Algorithms` that the client printed. */
  readonly signatureAlgorithms: readonly string[];
  readonly isResumed: boolean;
  /** The status of the HTTP response. Undefined if there was none. */
  readonly status: number | undefined;
}

/** Sends one request with `openssl s_client`. `args` are its options, for example the TLS version and the certificate. */
export async function opensslClient(
  { port, name }: TlsServer,
  args: readonly string[],
  target = "/hooks/acme",
): Promise<OpensslOutput> {
  const connection = ["-connect", `127.0.0.1:${port}`, "-nameopt", "RFC2253", "-ign_eof"];
  const serverName = args.includes("-noservername") ? [] : ["-servername", name];
  const text = await runOpenssl(
    ["s_client", ...connection, ...serverName, ...args],
    `POST ${target} HTTP/1.1\r\nHost: ${name}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`,
  );
  const names = /Acceptable client certificate CA names\n([\s\S]*?)\n(?:Client Certificate|Requested|Shared)/.exec(
    text,
  );
  const status = /^HTTP\/1\.1 (\d{3})/m.exec(text)?.[1];
  return {
    text,
    caNames: names?.[1]?.split("\n") ?? [],
    signatureAlgorithms: /^Requested Signature Algorithms: (.*)$/m.exec(text)?.[1]?.split(":") ?? [],
    isResumed: /^Reused, /m.test(text),
    status: status === undefined ? undefined : Number(status),
  };
}

/**
 * Sends a request as Docusign does: the client sends its certificate only if `root` is in the listener's list of acceptable CAs.
 * `root` is a name in the form of RFC 2253.
 */
export async function sendStrictly(server: TlsServer, client: ClientPem, root: string, version: "TLSv1.2" | "TLSv1.3") {
  const { caNames } = await opensslClient(server, [version === "TLSv1.2" ? "-tls1_2" : "-tls1_3"]);
  const isAsked = caNames.includes(root);
  return sendOnce(server, isAsked ? client : undefined, {}, { minVersion: version, maxVersion: version });
}

async function runOpenssl(args: readonly string[], input: string): Promise<string> {
  const child = spawn("openssl", args, { stdio: ["pipe", "pipe", "pipe"], timeout: 60_000 });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
    });
  }
  // If `openssl` has already ended, writing to it fails. That is not an error here.
  child.stdin.on("error", () => {});
  child.stdin.write(input);
  await once(child, "close");
  return text;
}
