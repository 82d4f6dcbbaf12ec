// Policy: anchors, senders, routes and the deny list, compiled once (policy-compiler.ts) and then only read.

import type { Allowlist } from "./allowlist.ts";
import type { Certificate } from "./certificate.ts";
import { Refusal } from "./refusal.ts";
import type { SignatureSchemeName } from "./signature-schemes.ts";

export interface Anchor {
  readonly name: string;
  readonly certificate: Certificate;
  /** Other anchors of the policy that certified this one: it may be in their revocation lists. */
  readonly certifiers: readonly Certificate[];
  /** Undefined where no revocation list is asked. */
  readonly revocation: RevocationRule | undefined;
}

/** How certificates below an anchor are looked up in revocation lists. */
export interface RevocationRule {
  /** URLs and file paths, as in the policy. */
  readonly sources: readonly string[];
  /** Whether a certificate is refused when the list that could hold it is missing or not current. */
  readonly freshness: "require" | "prefer";
}

export interface Trust {
  /** Empty when the platform alone is asked. */
  readonly anchors: readonly Anchor[];
  readonly platform: boolean;
  readonly maxChainDepth: number;
}

/** A sender: every factor that is there is required of each of its requests. At least one of certificate and signature is. */
export interface Sender {
  readonly name: string;
  readonly certificate: CertificateRule | undefined;
  readonly signature: SignatureRule | undefined;
  /** Empty where no credentials are required; else one of them must be sent. */
  readonly basic: readonly BasicRule[];
  readonly eventKey: EventKeyRule | undefined;
  /** What the events that keep their order have in common. */
  readonly orderKey: EventKeyRule | undefined;
}

/** Which certificates are this sender's, and what proves them. */
export interface CertificateRule {
  readonly allowlist: Allowlist;
  readonly trust: Trust;
}

/** Secrets are named here; their texts are loaded by secrets.ts. */
export interface SignatureRule {
  readonly scheme: SignatureSchemeName;
  readonly secrets: readonly string[];
  /** By Docusign account id in lower case. */
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  /** Not accepted: named in the log when one of them signed. */
  readonly retired: readonly string[];
}

export interface BasicRule {
  readonly username: string;
  readonly secret: string;
}

/** Where an event's own key is: a header (lower case), or JSON pointers into the body. */
export type EventKeyRule = { readonly header: string } | { readonly pointers: readonly string[] };

export interface Route {
  /** As in the policy: exact, or ending in `/*`. */
  readonly path: string;
  readonly senders: readonly Sender[];
  readonly methods: readonly string[];
  readonly maxBodyBytes: number;
  /** Lower-case names forwarded beside the standard list and those of the senders' signatures. */
  readonly headers: readonly string[];
  /** Whether each distinct certificate is recorded. The verdict is the same. */
  readonly isObserved: boolean;
  /** Whether the edge answers once an event is in its queue, and brings it to the origin afterwards. */
  readonly isQueued: boolean;
  /** Whether the sender gets the handler's own answer. */
  readonly isAnsweredByHandler: boolean;
  /** Senders that would take the place of `senders`; empty for none. */
  readonly shadow: readonly Sender[];
}

export interface DenyList {
  /**
   * Whether the list names this certificate, its key, or its serial number under its issuer. A CA that it names by digest is denied
   * by every certificate of the same name and key, where the one with that digest is an anchor or among those `presented`.
   */
  holds(certificate: Certificate, presented?: readonly Certificate[]): boolean;
}

/** A compiled policy. It is only read, and passed on: `compilePolicy` alone makes one. */
export interface Policy {
  readonly routes: readonly Route[];
  readonly senders: readonly Sender[];
  readonly anchors: readonly Anchor[];
  readonly deny: DenyList;
  /** For a path and its route: another route whose handler a router may run for this path, and which does not admit all of its senders. */
  findRival(path: string, route: Route): Route | undefined;
  /** The sources of revocation lists of all anchors, each once. */
  readonly crlSources: readonly string[];
  /** SHA-256 in hex of the document without `$schema`, members sorted: the same for every layout of one policy. */
  readonly digest: string;
}

/**
 * The route of a path: the exact one, else the longest prefix. A path that another route has in other letters or with a
 * slash more or less is refused when that route does not admit every sender of this one: some routers run its handler.
 * @throws Refusal `unknown_route`, `method_not_allowed`
 */
export function selectRoute(policy: Policy, path: string, method: string): Route {
  const route = findRoute(policy, path);
  if (route === undefined) throw new Refusal("unknown_route", { path });
  const rival = policy.findRival(path, route);
  if (rival !== undefined) throw new Refusal("unknown_route", { path, resembles: rival.path });
  if (!route.methods.includes(method))
    throw new Refusal("method_not_allowed", { method, allow: route.methods.join(", ") });
  return route;
}

/** The routes of one policy by their paths, and those that end in `/*`, the longest first. */
interface RouteIndex {
  readonly exact: ReadonlyMap<string, Route>;
  readonly prefixes: readonly Route[];
}

/** Made at the first look-up: ten thousand routes are not gone through for each request. */
const indexes = new WeakMap<readonly Route[], RouteIndex>();

function indexOf(routes: readonly Route[]): RouteIndex {
  const index = indexes.get(routes) ?? {
    exact: new Map(routes.map((route) => [route.path, route])),
    prefixes: routes
      .filter(({ path }) => path.endsWith("/*"))
      .toSorted((one, other) => other.path.length - one.path.length),
  };
  indexes.set(routes, index);
  return index;
}

/** The route of a path, for any method. */
export function findRoute({ routes }: Policy, path: string): Route | undefined {
  const { exact, prefixes } = indexOf(routes);
  return exact.get(path) ?? prefixes.find((prefix) => path.startsWith(prefix.path.slice(0, -1)));
}
