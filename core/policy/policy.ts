// Has the types of a compiled policy, and selects the route of a request. compile.ts makes a policy, and nothing changes it
// afterwards.

import type { Question } from "../handshake/question.ts";
import { findAsked, type HandshakeRule, isAsked } from "../handshake/schemes.ts";
import { Refusal } from "../refusal.ts";
import type { SignatureSchemeName } from "../signature/schemes.ts";
import { cachedFor } from "../weak-cache.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { Allowlist } from "./allowlist.ts";

export interface Anchor {
  readonly name: string;
  readonly certificate: Certificate;
  /** The policy's other anchors that certified this anchor. Their revocation lists may contain this anchor. */
  readonly certifiers: readonly Certificate[];
  /** The policy's intermediates that this anchor certified. Senders need not present them. */
  readonly intermediates: readonly Certificate[];
  /** Undefined if no revocation list is used. */
  readonly revocation: RevocationRule | undefined;
}

/** The rule by which certificates below an anchor are looked up in revocation lists. */
export interface RevocationRule {
  /** URLs and file paths, as written in the policy. */
  readonly sources: readonly string[];
  /** With `require`, a certificate is refused if the list that could contain it is missing or not current. */
  readonly freshness: "require" | "prefer";
}

/** A CA certificate that may complete a path to an anchor. It is not trusted by itself. */
export interface Intermediate {
  readonly name: string;
  readonly certificate: Certificate;
}

/** The proof that a sender's certificate needs: a path to one of the anchors, the platform's verdict, or both. */
export interface Trust {
  /** Empty if only the platform's verdict is used. */
  readonly anchors: readonly Anchor[];
  readonly platform: boolean;
  readonly maxChainDepth: number;
}

/**
 * A sender. A request of this sender must pass every factor that is defined here: certificate, signature, Basic credentials and
 * token. At least one of certificate, signature and token is defined.
 */
export interface Sender {
  readonly name: string;
  readonly certificate: CertificateRule | undefined;
  readonly signature: SignatureRule | undefined;
  /** The accepted Basic credentials. A request must have one of them. Empty if no credentials are required. */
  readonly basic: readonly BasicRule[];
  readonly token: TokenRule | undefined;
  /** The way in which the sender asks whether the endpoint is ours. Undefined if its challenges are not answered. */
  readonly handshake: HandshakeRule | undefined;
  /** The rules for values in the body. Empty if the policy has none. */
  readonly body: readonly BodyRule[];
  readonly eventKey: EventKeyRule | undefined;
  /** The place from which the order key of an event is read. Events with the same order key are handled in order. */
  readonly orderKey: EventKeyRule | undefined;
  /**
   * The status of the answer if an event is refused for a fault that the operator has to correct. The status makes the sender send
   * the event again. Undefined if every refusal of this sender is final.
   */
  readonly retryStatus: RetryStatus | undefined;
}

/** A status at which senders send an event again. */
export type RetryStatus = 429 | 503;

/** The certificates that belong to a sender, and the trust that must prove them. */
export interface CertificateRule {
  readonly allowlist: Allowlist;
  readonly trust: Trust;
}

/** The rule by which a signature is verified. It contains only the names of secrets. secrets.ts loads their values. */
export interface SignatureRule {
  readonly scheme: SignatureSchemeName;
  readonly secrets: readonly string[];
  /** The names of the secrets of each Docusign account. The key of the map is the account id in lower case. */
  readonly accounts: ReadonlyMap<string, readonly string[]>;
  /** The names of secrets that are no longer accepted. If a signature was made with one of them, the log says so. */
  readonly retired: readonly string[];
}

export interface BasicRule {
  readonly username: string;
  readonly secret: string;
}

/** A token that a header or the JSON body must hold. Exactly one of `header` and `pointer` is defined. */
export interface TokenRule {
  /** In lower case. */
  readonly header?: string | undefined;
  /** A JSON pointer into the body. Every value that the pointer leads to must be one of the tokens. */
  readonly pointer?: string | undefined;
  /** The names of the secrets. The token of a request must be the value of one of these secrets. */
  readonly secrets: readonly string[];
}

/** A place in a JSON body, and the texts that may stand there. */
export interface BodyRule {
  /** As written in the policy. */
  readonly pointer: string;
  /** The member names of the pointer. `*` stands for every element of an array. */
  readonly path: readonly string[];
  readonly values: ReadonlySet<string>;
}

/** The place from which the key of an event is read: a header, whose name is in lower case, or JSON pointers into the body. */
export type EventKeyRule = { readonly header: string } | { readonly pointers: readonly string[] };

/** A fixed answer to an accepted event, for senders that do not accept the usual answer with 202. */
export interface Acknowledgement {
  readonly status: number;
  /** The media type of the body, which is in UTF-8. */
  readonly type?: "text/plain" | "text/xml" | "application/json" | undefined;
  readonly body?: string | undefined;
}

export interface Route {
  /**
   * The name of the route, as written in the policy. It is an exact path or a path that ends in `/*`, and a host may come before
   * the path.
   */
  readonly path: string;
  readonly senders: readonly Sender[];
  readonly methods: readonly string[];
  readonly maxBodyBytes: number;
  /**
   * Names of headers in lower case. They are forwarded in addition to the standard list and to the headers with the sender's
   * signature, event key and order key.
   */
  readonly headers: readonly string[];
  /** True if the route is in observe mode, in which each different certificate is logged. This mode does not change the verdict. */
  readonly isObserved: boolean;
  /** True if the edge answers as soon as an event is in its queue, and delivers it to the origin afterwards. */
  readonly isQueued: boolean;
  /** True if the sender gets the handler's own response. */
  readonly isAnsweredByHandler: boolean;
  /** The answer to an accepted event. Undefined if the sender gets 202 and the id of the event, or the handler's own response. */
  readonly acknowledgement: Acknowledgement | undefined;
  /**
   * Senders that are tried out: the log says where the verdict would differ if the route had these senders instead of `senders`.
   * Empty if there are none.
   */
  readonly shadow: readonly Sender[];
}

export interface DenyList {
  /**
   * True if the list names this certificate, its key, or its serial number and issuer. The list may also name a CA certificate by
   * its digest. If this CA is an anchor or is in `presented`, every certificate with the same name and key as the CA is denied.
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
   * Finds a rival of `route`: a different route whose handler a router may run for this path by mistake. Ignores routes that admit
   * every sender of `route`. `host` is the host of the request, in the form of `URL.host`.
   */
  findRival(path: string, route: Route, host?: string): Route | undefined;
  /** The sources of the revocation lists of all anchors, each once. */
  readonly crlSources: readonly string[];
  /**
   * SHA-256 in hex of the document. `$schema` is left out and members are sorted, so that the layout of the file does not change
   * the digest.
   */
  readonly digest: string;
}

/**
 * Splits the name of a route into its host, in the form of `URL.host`, and its path, which is exact or ends in `/*`. The host is
 * empty if the route names none.
 */
export function placeOf({ path }: Pick<Route, "path">): readonly [host: string, path: string] {
  const slash = path.indexOf("/");
  return [path.slice(0, slash), path.slice(slash)];
}

/**
 * Selects the route of a path: the exact route, otherwise the route with the longest prefix. Routes that name the request's host
 * (in the form of `URL.host`) come before routes without a host. Routes of other hosts are ignored. Some routers ignore letter case
 * or a slash at the end, and would run the handler of another route. If that route does not admit every sender of the selected
 * route, the request is refused.
 * @param question the request, for a program that answers challenges. A challenge of a sender of the route may have a method that
 * the route does not list.
 * @throws Refusal `unknown_route`, `method_not_allowed`, `challenge_unexpected`
 */
export function selectRoute(policy: Policy, path: string, method: string, host?: string, question?: Question): Route {
  const route = findRoute(policy, path, host);
  if (route === undefined) throw new Refusal("unknown_route", { path });
  const rival = policy.findRival(path, route, host);
  if (rival !== undefined) throw new Refusal("unknown_route", { path, resembles: rival.path });
  const isChallenge =
    question && route.senders.some(({ handshake }) => handshake && isAsked(handshake.scheme, question));
  if (!isChallenge) requireMethod(route, method, question);
  return route;
}

/** @throws Refusal if the route does not list the method. With `question`, the Refusal says whether the request is a challenge. */
export function requireMethod({ methods }: Route, method: string, question?: Question): void {
  if (methods.includes(method)) return;
  const handshake = question && findAsked(question);
  const code = handshake === undefined ? "method_not_allowed" : "challenge_unexpected";
  throw new Refusal(code, { method, allow: methods.join(", "), handshake });
}

/** The routes of one host by path. `prefixes` has the routes that end in `/*`, the longest path first. */
interface RouteIndex {
  readonly exact: ReadonlyMap<string, Route>;
  readonly prefixes: readonly (readonly [start: string, Route])[];
}

/**
 * For each list of routes, a map from a host to the index of its routes. The host is empty for routes without a host. An index is
 * built at the first look-up, so that a request does not search ten thousand routes.
 */
const indexOf = cachedFor((routes: readonly Route[]): ReadonlyMap<string, RouteIndex> => {
  const byHost = Map.groupBy(routes, (route) => placeOf(route)[0]);
  return new Map(Array.from(byHost, ([host, ofHost]) => [host, indexHost(ofHost)]));
});

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

/** True if some route names a host. If so, the route of a request depends on the request's host. */
export function namesHosts({ routes }: Policy): boolean {
  const index = indexOf(routes);
  return index.size > (index.has("") ? 1 : 0);
}

/** Returns the hosts that routes name. */
export function hostsOf({ routes }: Policy): string[] {
  return [...indexOf(routes).keys()].filter((host) => host !== "");
}

/**
 * Returns the host under which the routes of a request are looked up. The port is kept only if a route names the host with this
 * port. The final dot is removed. Otherwise a request for `example.com.` could bypass the routes of `example.com`.
 */
export function namedHost(named: { has(host: string): boolean }, host: string): string {
  const plain = host.replace(/\.(?=:|$)/, "");
  return named.has(plain) ? plain : plain.replace(/:\d+$/, "");
}

/** Returns the route of a path, whatever the method is. */
export function findRoute({ routes }: Policy, path: string, host = ""): Route | undefined {
  const index = indexOf(routes);
  return findIn(index.get(namedHost(index, host)), path) ?? findIn(index.get(""), path);
}

function findIn(index: RouteIndex | undefined, path: string): Route | undefined {
  return index?.exact.get(path) ?? index?.prefixes.find(([start]) => path.startsWith(start))?.[1];
}
