// Sends requests to an upstream in the two ways for which Node's own `fetch` has no setting: HTTPS with a private CA, and plain
// HTTP that only goes to private addresses.

import { lookup } from "node:dns";
import { Agent, type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps, Agent as TlsAgent } from "node:https";
import { BlockList, isIPv6, type LookupFunction } from "node:net";
import { Readable } from "node:stream";
import type { UpstreamFetch } from "../dispatch/upstream.ts";

/**
 * The addresses of RFC 1918, RFC 6598 and RFC 4193, and of this machine. Link-local addresses are not among them, because clouds
 * serve credentials there.
 */
const PRIVATE = new BlockList();
for (const [network, prefix, family] of [
  ["10.0.0.0", 8, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["fc00::", 7, "ipv6"],
  ["::1", 128, "ipv6"],
] as const)
  PRIVATE.addSubnet(network, prefix, family);

/** Responses with these statuses have no body. */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

export function isPrivateAddress(address: string): boolean {
  return PRIVATE.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}

/**
 * Makes a `fetch` function for an upstream. Over HTTPS, the certificate of the upstream must be issued below a CA that `ca` returns
 * in PEM. Over HTTP, the upstream must be at a private address. The address is checked when a host name is looked up. An IP
 * address in the URL is not looked up, so the caller must check it. Connections are kept for the next request.
 */
export function fetchUpstream(ca: () => string | undefined): UpstreamFetch {
  const plain = new Agent({ keepAlive: true });
  const secure = new TlsAgent({ keepAlive: true });
  return (url, { body, ...options }) =>
    new Promise((resolve, reject) => {
      const outgoing = url.startsWith("http:")
        ? requestHttp(url, { ...options, agent: plain, lookup: lookUpPrivate })
        : requestHttps(url, { ...options, agent: secure, ca: ca() });
      outgoing.on("error", reject);
      outgoing.on("response", (incoming) => resolve(toResponse(incoming)));
      outgoing.end(body);
    });
}

/** Looks up a name. All addresses of the name have to be private, because we cannot choose which of them is used. @internal */
export const lookUpPrivate: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses) => {
    const other = error ? undefined : addresses.find(({ address }) => !isPrivateAddress(address));
    const [first] = addresses ?? [];
    if (error) callback(error, []);
    else if (other !== undefined)
      callback(new Error(`${hostname} is ${other.address}, which is no private address`), []);
    else if (options.all) callback(null, addresses);
    else callback(null, first?.address ?? "", first?.family);
  });
};

function toResponse(incoming: IncomingMessage): Response {
  const { statusCode: status = 0, rawHeaders } = incoming;
  const headers = new Headers();
  for (let index = 0; index < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? "", rawHeaders[index + 1] ?? "");
  if (!WITHOUT_BODY.has(status)) return new Response(Readable.toWeb(incoming) as ReadableStream, { status, headers });
  incoming.resume();
  return new Response(null, { status, headers });
}
