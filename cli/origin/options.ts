// The options of `countersign origin`: those that every mode reads, and those that only one mode reads.

import type { Address } from "../../origin/node/listening.ts";
import { parseAddress, parseWhole } from "../arguments/values.ts";
import { parseOptions, refuseUnread, UsageError } from "../command.ts";
import { CONSOLE_OPTIONS } from "./console-options.ts";
import { INBOX_OPTIONS } from "./inbox-options.ts";
import { DISPATCH_OPTIONS } from "./target.ts";

const COMMON = {
  policy: { type: "string", default: "policy.json" },
  ...INBOX_OPTIONS,
  crls: { type: "string" },
  metrics: { type: "string" },
  ...CONSOLE_OPTIONS,
  json: { type: "boolean", default: false },
  ...DISPATCH_OPTIONS,
} as const;

const ADDRESS = { host: { type: "string" }, port: { type: "string" } } as const;
/** Certificates and keys are given in pairs: the first key belongs to the first certificate. */
const PAIRS = {
  certificate: { type: "string", multiple: true },
  key: { type: "string", multiple: true },
  "key-passphrase-file": { type: "string" },
} as const;
const PROXY = { "behind-proxy": { type: "string" }, "certificate-header": { type: "string" } } as const;

const WORKERS = { workers: { type: "string" } } as const;

const EDGE = {
  ...ADDRESS,
  issuer: { type: "string" },
  audience: { type: "string" },
  jwks: { type: "string" },
  ...WORKERS,
} as const;
const TLS = {
  ...ADDRESS,
  ...PAIRS,
  tls: { type: "boolean", default: false },
  "client-certificates": { type: "string", multiple: true },
  ...WORKERS,
} as const;
const PROXY_SOCKET = { ...PROXY, ...WORKERS, socket: { type: "string" }, "socket-mode": { type: "string" } } as const;
const PROXY_TLS = {
  ...PROXY,
  ...ADDRESS,
  ...PAIRS,
  "proxy-ca": { type: "string" },
  "proxy-subject": { type: "string" },
  ...WORKERS,
} as const;

/** For each mode, the options that it reads in addition to the common ones, and the words by which messages name the mode. */
const WAYS = {
  edge: [EDGE, "behind the edge: see --tls and --behind-proxy"],
  tls: [TLS, "with --tls"],
  proxySocket: [PROXY_SOCKET, "with --behind-proxy and --socket"],
  proxyTls: [PROXY_TLS, "with --behind-proxy without --socket"],
} as const;

export const CRLS_HELP = `
  --crls DIR        the directory for the revocation lists that the policy names (default crls, next to the inbox)`;

export const METRICS_HELP = `
  --metrics [HOST:]PORT  serve Prometheus metrics at /metrics, and the probes /livez and /readyz (default: none; default HOST:
                    127.0.0.1)`;

export type OriginOptions = ReturnType<typeof parseOriginOptions>;

/** @throws UsageError */
export function parseOriginOptions(args: string[]) {
  return parseOptions(args, { ...COMMON, ...EDGE, ...TLS, ...PROXY_SOCKET, ...PROXY_TLS });
}

/**
 * Parses PORT or HOST:PORT. The default host is the loopback, so that metrics are public only if the user says so.
 * @throws UsageError
 */
export function parseMetricsAddress(text: string): Address {
  const address = parseAddress(text);
  if (address === undefined) throw new UsageError(`--metrics ${text} is not HOST:PORT or PORT`);
  return address;
}

/** Returns the number of processes. @throws UsageError */
export function parseWorkers(text = "1"): number {
  return parseWhole("--workers", text, 1, 64);
}

/** @throws UsageError that names the options that only another mode reads */
export function refuseOtherWays({ given }: OriginOptions, way: keyof typeof WAYS): void {
  const [options, text] = WAYS[way];
  refuseUnread(given, [...Object.keys(COMMON), ...Object.keys(options)], text);
}
