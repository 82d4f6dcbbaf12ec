// Opens the listener of the console: on loopback, over TLS, or on a Unix socket. The console does not use the origin's own
// listener, because senders can reach that one.

import { X509Certificate } from "node:crypto";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { isIP } from "node:net";
import type { LogLine } from "../../core/log-line.ts";
import { LOOPBACK } from "../../core/url.ts";
import { FOR_CONSOLE, hostInUrl, REFUSES_HOST_ITSELF } from "./http-limits.ts";
import { type Address, listen } from "./listening.ts";
import { type FetchHandler, oversee, type RunningServer, requestHandler, urlOf } from "./server.ts";
import { listenOnSocket } from "./socket-file.ts";

/** A certificate and its key, in PEM. */
export interface ConsolePair {
  readonly certificate: string;
  readonly key: string;
}

/** The place where the console listens. */
export type ConsoleListener = Address | (Address & ConsolePair) | { readonly socket: string };

const OPTIONS = { ...FOR_CONSOLE, ...REFUSES_HOST_ITSELF };

/**
 * Returns a function that says whether a host is one of the console's hosts. The function gets the host without the port, because a
 * browser that comes through a tunnel uses the tunnel's port. Over TLS, the console's hosts are the names in the certificate.
 * `more` has the hosts of a proxy in front of the console. Another site can make its own name resolve to the console (DNS
 * rebinding), but that name is not one of the console's hosts.
 */
export function hostsOf(listener: ConsoleListener, more: readonly string[] = []): (host: string) => boolean {
  const names = new Set(more.map((name) => name.toLowerCase()));
  if (!("certificate" in listener)) {
    if ("hostname" in listener) names.add(hostInUrl(listener.hostname).toLowerCase());
    return (host) => LOOPBACK.has(host) || names.has(host);
  }
  const certificate = new X509Certificate(listener.certificate);
  return (host) => {
    const address = host.replace(/^\[(.*)\]$/, "$1");
    const covered = isIP(address) === 0 ? certificate.checkHost(address) : certificate.checkIP(address);
    return covered !== undefined || names.has(host);
  };
}

export interface ConsoleServer extends RunningServer {
  /** Returns the listener with the current certificate. */
  readonly listener: () => ConsoleListener;
  /** Replaces the certificate and the key for new connections. */
  replace(pair: ConsolePair): void;
}

/**
 * Serves the console. Does not check who sends a request, because the app does.
 * @throws ConfigurationError if the server cannot listen on `listener`
 */
export async function serveConsole(
  fetch: FetchHandler,
  { listener, log }: { readonly listener: ConsoleListener; readonly log: (line: LogLine) => void },
): Promise<ConsoleServer> {
  const tell = (line: LogLine) => log({ ...line, listener: "console" });
  const handler = requestHandler(fetch, tell);
  const tls = "certificate" in listener ? createTlsServer({ ...OPTIONS, ...contextOf(listener) }, handler) : undefined;
  const server = tls ?? createServer(OPTIONS, handler);
  const close = oversee(server, tell);
  const { url } = await listenAt(server, listener);
  let inForce = listener;
  return {
    url,
    close,
    listener: () => inForce,
    replace(pair) {
      tls?.setSecureContext(contextOf(pair));
      inForce = { ...listener, ...pair };
    },
  };
}

function contextOf({ certificate, key }: ConsolePair) {
  return { cert: certificate, key, minVersion: "TLSv1.2" } as const;
}

async function listenAt(server: Server, listener: ConsoleListener): Promise<{ readonly url: string }> {
  if ("socket" in listener) {
    await listenOnSocket(server, listener.socket, 0o660);
    return { url: `unix:${listener.socket}` };
  }
  await listen(server, listener);
  return { url: urlOf("certificate" in listener ? "https" : "http", listener.hostname, server) };
}
