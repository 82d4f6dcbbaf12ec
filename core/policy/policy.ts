// Policy: anchors, senders, routes and the deny list. policy-compiler.ts compiles it once; after that it is only read.

import { Refusal } from "../refusal.ts";
import type { SignatureSchemeName } from "../signature/schemes.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { Allowlist } from "./allowlist.ts";

export interface Anchor {
  readonly name: string;
  readonly certificate: Certificate;
  /** Other anchors of the policy that certified this one. Their revocation lists may hold it. */
  readonly certifiers: readonly Certificate[];
  /** Those of the policy's intermediates that this one vouches for: senders need not present them. */
  readonly intermediates: readonly Certificate[];
  /** Undefined if no revocation list is used. */
  readonly revocation: RevocationRule | undefined;
}

/** How certificates below an anchor are looked up in revocation lists. */
export interface RevocationRule {
  /** URLs and file paths, as written in the policy. */
  readonly sources: readonly string[];
  /** Whether a certificate is refused when the list that could hold it is missing or not current. */
  readonly freshness: "require" | "prefer";
}

/** A CA certificate that may complete a path to an anchor, and proves nothing. */
export interface Intermediate {
  readonly name: string;
  readonly certificate: Certificate;
}

export interface Trust {
  /** Empty if only the platform's verdict is used. */
  readonly anchors: readonly Anchor[];
  readonly platform: boolean;
  readonly maxChainDepth: number;
}

/** A sender. Every factor that is present is required of each of its requests. At least a certificate or a signature is present. */
export interface Sender {
  readonly name: string;
  readonly certificate: CertificateRule | undefined;
  readonly signature: SignatureRule | undefined;
  /** Empty if no credentials are required. Otherwise a request must carry one of them. */
  readonly basic: readonly BasicRule[];
  readonly eventKey: EventKeyRule | undefined;
  /** Events with the same order key are handled in order. */
  readonly orderKey: EventKeyRule | undefined;
}

/** Which certificates belong to this sender, and what proves them. */
export interface CertificateRule {
  readonly allowlist: Allowlist;
  readonly trust: Trust;
}

/** Holds the names of secrets. secrets.ts loads their values. */
export interface SignatureRule {
  readonly scheme: SignatureSchemeName;
  readonly secrets: readonly string[];
  /** By Docusign account id in lower case. */
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  /** No longer accepted. If one of them made the signature, the log names it. */
  readonly retired: readonly string[];
}

export interface BasicRule {
  readonly username: string;
  readonly secret: string;
}

/** Where the key of an event is read from: a header (lower case), or JSON pointers into the body. */
export type EventKeyRule = { readonly header: string } | { readonly pointers: readonly string[] };

export interface Route {
  /** As written in the policy: exact, or ending in `/*`, perhaps behind a host. It is the name of the route. */
  readonly path: string;
  readonly senders: readonly Sender[];
  readonly methods: readonly string[];
  readonly maxBodyBytes: number;
  /** Lower-case names that are forwarded in addition to the standard list and to the headers of the sender's signature and keys. */
  readonly headers: readonly string[];
  /** Whether each distinct certificate is recorded. The verdict does not change. */
  readonly isObserved: boolean;
  /** Whether the edge answers as soon as an event is in its queue, and delivers it to the origin afterwards. */
  readonly isQueued: boolean;
  /** Whether the sender gets the response of the handler itself. */
  readonly isAnsweredByHandler: boolean;
  /** Senders that are tried in place of `senders`, for the log only. Empty if there are none. */
  readonly shadow: readonly Sender[];
}

export interface DenyList {
  /**
   * Whether the list names this certificate, its key, or its serial number with its issuer. If the list names a CA by digest,
   * every certificate with the same name and key is denied, provided that the one with that digest is an anchor or among those
   * `presented`.
   */
  holds(certificate: Certificate, presented?: readonly Certificate[]): boolean;
}

/** A compiled policy. It is never changed. Only `compilePolicy` makes one. */
export interface Policy {
  readonly routes: readonly Route[];
  readonly senders: readonly Sender[];
  readonly anchors: readonly Anchor[];
  readonly intermediates: readonly Intermediate[];
  readonly deny: DenyList;
  /**
   * For a path and its route: another route whose handler a router may run for this path, and that does not admit every sender of
   * `route`. Routes of other hosts than `host` are none.
   */
  findRival(path: string, route: Route, host?: string): Route | undefined;
  /** The sources of revocation lists of all anchors, each once. */
  readonly crlSources: readonly string[];
  /** SHA-256 in hex of the document without `$schema` and with sorted members, so that the layout of the file does not change it. */
  readonly digest: string;
}

/** A route's host, in the form of URL.host, empty if it names none; and its path, exact or ending in `/*`. */
export function placeOf({ path }: Pick<Route, "path">): readonly [host: string, path: string] {
  const slash = path.indexOf("/");
  return [path.slice(0, slash), path.slice(slash)];
}

/**
 * The route of a path: the exact one, otherwise the one with the longest prefix. Routes of the request's host (in the form of
 * URL.host) come before those that name none; those of other hosts are not looked at. Some routers ignore letter case or a slash at
 * the end. So a path is refused if it differs only in these from another route's path, and that route does not admit every sender
 * of this route.
 * @throws Refusal `unknown_route`, `method_not_allowed`
 */
export function selectRoute(policy: Policy, path: string, method: string, host?: string): Route {
  const route = findRoute(policy, path, host);
  if (route === undefined) throw new Refusal("unknown_route", { path });
  const rival = policy.findRival(path, route, host);
  if (rival !== undefined) throw new Refusal("unknown_route", { path, resembles: rival.path });
  if (!route.methods.includes(method))
    throw new Refusal("method_not_allowed", { method, allow: route.methods.join(", ") });
  return route;
}

/** The routes of one host by path, and those that end in `/*`, the longest first. */
interface RouteIndex {
  readonly exact: ReadonlyMap<string, Route>;
  readonly prefixes: readonly (readonly [start: string, Route])[];
}

/** Made at the first look-up, so that a request does not have to go through ten thousand routes. By host, empty for none. */
const indexes = new WeakMap<readonly Route[], ReadonlyMap<string, RouteIndex>>();

function indexOf(routes: readonly Route[]): ReadonlyMap<string, RouteIndex> {
  const known = indexes.get(routes);
  if (known !== undefined) return known;
  const byHost = Map.groupBy(routes, (route) => placeOf(route)[0]);
  const index = new Map(Array.from(byHost, ([host, ofHost]) => [host, indexHost(ofHost)]));
  indexes.set(routes, index);
  return index;
}

function indexHost(routes: readonly Route[]): RouteIndex {
  const placed = routes.map((route) => [placeOf(route)[1], route] as const);
  return {
    exact: new Map(placed),
    prefixes: placed
      .filter(([path]) => path.endsWith("/*"))
      .map(([path, route]) => [path.slice(0, -1), route] as const)
      .toSorted(([one], [other]) => other.length - one.length),
  };
}

/** Whether some route is for one host alone, so that the route of a request depends on its host. */
export function namesHosts({ routes }: Policy): boolean {
  const index = indexOf(routes);
  return index.size > (index.has("") ? 1 : 0);
}

/** The hosts that routes name. */
export function hostsOf({ routes }: Policy): string[] {
  return [...indexOf(routes).keys()].filter((host) => host !== "");
}

/**
 * The host by which routes are found: with its port if a route names it so, otherwise without port and final dot. So no spelling of a host
 * leads past its routes.
 */
export function namedHost(named: { has(host: string): boolean }, host: string): string {
  const plain = host.replace(/\.(?=:|$)/, "");
  return named.has(plain) ? plain : plain.replace(/:\d+$/, "");
}

/** The route of a path, for any method. */
export function findRoute({ routes }: Policy, path: string, host = ""): Route | undefined {
  const index = indexOf(routes);
  return findIn(index.get(namedHost(index, host)), path) ?? findIn(index.get(""), path);
}

function findIn(index: RouteIndex | undefined, path: string): Route | undefined {
  return index?.exact.get(path) ?? index?.prefixes.find(([start]) => path.startsWith(start))?.[1];
}
