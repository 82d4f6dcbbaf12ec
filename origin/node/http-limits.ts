// The limits of each kind of HTTP server, and the form of a host in a URL.

import { isIPv6 } from "node:net";

/**
 * The options of Node's servers that limit what a client may send, and the time that the client may take. All times are in
 * milliseconds.
 */
interface HttpLimits {
  readonly maxHeaderSize: number;
  /** The time for the whole head of a request. */
  readonly headersTimeout: number;
  /** The time from the first octet of a request to the last octet of its body. */
  readonly requestTimeout: number;
  readonly keepAliveTimeout: number;
}

/**
 * With this option, Node passes on a request without Host, and the request handler refuses and logs it. By default, Node would
 * answer the request itself, without a log line.
 */
export const REFUSES_HOST_ITSELF = { requireHostHeader: false } as const;

/**
 * The limits for requests from the edge. `Client-Cert` and its chain take 26 KiB, and the assertion takes up to 24 KiB more, so
 * Node's default of 16 KiB for the head is too small. The edge sends a body from memory, so half a minute is enough. Idle
 * connections are kept longer than the edge keeps them. Otherwise the edge could send a request on a connection that is being
 * closed here.
 */
export const BEHIND_EDGE: HttpLimits = {
  maxHeaderSize: 64 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 75_000,
};

/**
 * The limits for requests from a proxy. The leaf and the chain take up to 26 KiB of base64, and more with percent-encoding. A proxy
 * that does not buffer is as slow as its slowest sender, so a request may take a minute. nginx and HAProxy keep idle connections
 * for 60 s. Idle connections are kept longer here, so that a proxy never sends a request on a connection that is being closed.
 */
export const BEHIND_PROXY: HttpLimits = { ...BEHIND_EDGE, requestTimeout: 60_000 };

/**
 * The limits for senders that connect without a proxy or an edge. 16 KiB are enough, because no proxy adds header fields. A minute
 * is enough for 50 MB from a slow sender with 1 MB/s.
 */
export const FOR_SENDERS: HttpLimits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 15_000,
};

/** The limits for browsers of operators. A proxy in front may add header fields. */
export const FOR_CONSOLE: HttpLimits = { ...FOR_SENDERS, maxHeaderSize: 32 * 1024, requestTimeout: 30_000 };

/** Returns the host for a URL. An IPv6 address gets brackets and loses its zone, because a URL cannot hold a zone. */
export function hostInUrl(hostname: string): string {
  return isIPv6(hostname) ? `[${hostname.replace(/%.*$/s, "")}]` : hostname;
}
