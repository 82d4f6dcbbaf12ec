// The load generator. It has a fixed number of keep-alive connections. Each connection has one request at a time.

import { Agent, type IncomingMessage, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";

/** A client with a certificate. All texts are PEM. */
export interface TlsClient {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** If false, each event makes a new connection with a full handshake. */
  readonly isKeptAlive: boolean;
}

/** One request of the load generator. `headers` are sent unchanged, and `Content-Length` is added. */
export interface LoadedEvent {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export const CONNECTIONS = 16;
const ACCEPTED = 202;

/** Sends every event once. @throws Error at the first response that is not 202 */
export async function sendAll(
  url: string,
  events: readonly LoadedEvent[],
  tls?: TlsClient,
  connections = CONNECTIONS,
): Promise<void> {
  const agent =
    tls === undefined
      ? new Agent({ keepAlive: true, maxSockets: connections })
      : new TlsAgent({ ...tls, keepAlive: tls.isKeptAlive, maxSockets: connections, maxCachedSessions: 0 });
  const { hostname, port } = new URL(url);
  let next = 0;
  const sendInTurn = async () => {
    for (let event = events[next++]; event !== undefined; event = events[next++]) {
      await send(agent, hostname, port, event);
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, sendInTurn));
  } finally {
    agent.destroy();
  }
}

function send(
  agent: Agent | TlsAgent,
  hostname: string,
  port: string,
  { path, headers, body }: LoadedEvent,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage) => {
      if (response.statusCode === ACCEPTED) {
        response.resume().once("end", resolve).once("error", reject);
        return;
      }
      readText(response).then((text) => reject(new Error(`${path}: ${response.statusCode} ${text}`)), reject);
    };
    const start = agent instanceof TlsAgent ? tlsRequest : request;
    start(
      { agent, hostname, port, path, method: "POST", headers: { ...headers, "content-length": body.byteLength } },
      onResponse,
    )
      .once("error", reject)
      .end(body);
  });
}

async function readText(response: IncomingMessage): Promise<string> {
  return Buffer.concat(await response.toArray()).toString();
}
