// The limits of each HTTP server, and the host in its URL.

import { isIPv6 } from "node:net";

/** The options of Node's servers that limit what a client may send, and how long it may take. */
interface HttpLimits {
  readonly maxHeaderSize: number;
  /** In milliseconds, as the next two. Of the whole head of a request. */
  readonly headersTimeout: number;
  /** From the first octet of a request to the last octet of its body. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
}

/** Node would answer a request without Host without a log line. The request handler refuses it instead. */
export const REFUSES_HOST_ITSELF = { requireHostHeader: false } as const;

/**
 * Client-Cert and its chain take 26 KiB, and the assertion up to 24 KiB more; Node's default is 16 KiB. The edge sends a body from
 * memory, so half a minute is ample. Idle connections are kept longer than the edge keeps them, so that it never sends a request on
 * a connection that is being closed here.
 */
export const BEHIND_EDGE: HttpLimits = {
  maxHeaderSize: 64 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 75_000,
};

/**
 * Leaf and chain take up to 26 KiB of base64, and more with percent-encoding. A proxy that does not buffer is as slow as its slowest
 * sender. nginx and HAProxy keep idle connections for 60 s, and here they are kept longer, as behind the edge.
 */
export const BEHIND_PROXY: HttpLimits = { ...BEHIND_EDGE, requestTimeout: 60_000 };

/** Senders themselves: no field of a hop. A minute is enough for 50 MB at 1 MB/s from a slow sender. */
export const FOR_SENDERS: HttpLimits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 15_000,
};

/** Browsers of operators, perhaps behind a proxy that adds fields. */
export const FOR_CONSOLE: HttpLimits = { ...FOR_SENDERS, maxHeaderSize: 32 * 1024, requestTimeout: 30_000 };

/** The host of a URL: an IPv6 address in brackets, without its zone, which a URL cannot hold. */
export function hostInUrl(hostname: string): string {
  return isIPv6(hostname) ? `[${hostname.replace(/%.*$/s, "")}]` : hostname;
}
