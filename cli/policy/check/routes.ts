// Finds routes that no request can reach, and lists that contain a value twice.

import { findRoute, type Policy, placeOf, type Route } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { errorAt, type Finding, type Place, warningAt } from "./finding.ts";

export function inspectRoutes(document: PolicyDocument, policy: Policy): Finding[] {
  const paths = new Set(policy.routes.map((route) => placeOf(route)[1]));
  return policy.routes.flatMap((route) => {
    const at = ["routes", route.path];
    return [
      ...inspectPath(placeOf(route)[1], at),
      ...inspectRival(route, policy, at),
      ...inspectPrefix(route, policy, paths, at),
      ...inspectMethods(route.methods, [...at, "methods"]),
      ...repeatedIn(route.headers, [...at, "headers"]),
      ...inspectShadow(route, document, [...at, "shadow"]),
      ...inspectWork(route, [...at, "senders"]),
    ];
  });
}

function inspectPath(path: string, at: Place): Finding[] {
  const parameter = /\/(:[A-Za-z_]\w*)/.exec(path)?.[1];
  if (parameter !== undefined)
    return [
      warningAt(
        at,
        `a path in a policy has no parameters: ${parameter} matches only this text`,
        "write /* instead, for all paths below",
      ),
    ];
  if (!path.startsWith("/cdn-cgi/")) return [];
  return [warningAt(at, "Cloudflare answers /cdn-cgi/ itself: no request reaches the edge", "choose another path")];
}

/**
 * Reports two routes that differ only in letter case or in a slash at the end. Requests for both routes are refused, because a
 * router that ignores this difference could run the handler of the wrong route.
 */
function inspectRival(route: Route, policy: Policy, at: Place): Finding[] {
  // For a prefix, looks up a path below the prefix. The path contains NUL, so it is not equal to the path of another route.
  const [host, path] = placeOf(route);
  const rival = policy.findRival(path.replace(/\*$/, "\0"), route, host);
  if (rival === undefined) return [];
  const problem = `every request is refused: some routers ignore letter case and a slash at the end, and would run the handler of ${rival.path} for senders that ${rival.path} does not admit`;
  return [errorAt(at, problem, `rename one of the two, or let ${rival.path} admit the same senders`)];
}

/**
 * Reports paths of other routes that are below this prefix. On the host of the prefix, requests for such a path belong to the
 * prefix. These requests are refused, because a router that does not see the host would run the handler of the other route.
 */
function inspectPrefix(route: Route, policy: Policy, paths: ReadonlySet<string>, at: Place): Finding[] {
  const [host, prefix] = placeOf(route);
  if (!prefix.endsWith("*")) return [];
  const below = [...paths].filter((path) => path !== prefix && path.startsWith(prefix.slice(0, -1)));
  return below.flatMap((path) => {
    const asked = path.replace(/\*$/, "\0");
    if (findRoute(policy, asked, host) !== route) return [];
    const rival = policy.findRival(asked, route, host);
    if (rival === undefined) return [];
    const where = host === "" ? "" : " on this host";
    const problem = `requests for ${path}${where} are refused: a router would run the handler of ${rival.path} for senders that ${rival.path} does not admit`;
    return [
      warningAt(at, problem, `give ${host}${path} a route of its own, or let ${rival.path} admit the same senders`),
    ];
  });
}

/** The usual methods. Some servers also accept other methods, for example those of WebDAV. */
const USUAL_METHODS: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
  "QUERY",
]);
/** The Fetch standard forbids requests with these methods, so neither edge nor origin ever receives such a request. */
const FORBIDDEN_METHODS: ReadonlySet<string> = new Set(["CONNECT", "TRACE", "TRACK"]);

function inspectMethods(methods: readonly string[], at: Place): Finding[] {
  const unusual = methods.flatMap((method, index) => {
    if (USUAL_METHODS.has(method)) return [];
    if (FORBIDDEN_METHODS.has(method)) {
      return [errorAt([...at, index], `no request with the method ${method} can get here`, "remove it")];
    }
    return [warningAt([...at, index], `${method} is not a usual method`, "correct it if it is misspelled")];
  });
  return [...unusual, ...repeatedIn(methods, at)];
}

function repeatedIn(values: readonly string[], at: Place): Finding[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) === index ? [] : [errorAt([...at, index], `${value} is listed twice`, "remove one of them")],
  );
}

/**
 * Reports a shadow list that has the same senders as the route. Such a list never shows a difference, even in another order,
 * because only acceptance and refusal are compared. A list with some of the same senders is useful, because it shows the effect of
 * adding or removing a sender.
 */
function inspectShadow({ senders, shadow }: Route, document: PolicyDocument, at: Place): Finding[] {
  if (shadow.length === 0) return [];
  const names = (list: Route["senders"]) => list.map(({ name }) => name).sort();
  if (names(shadow).join(",") !== names(senders).join(",")) return [];
  const remedy =
    Object.keys(document.senders).length > shadow.length
      ? "list the senders that you want to try, or remove shadow"
      : "add the sender that you want to try and list it here, or remove shadow";
  return [errorAt(at, "lists the same senders as the route, so the verdicts never differ", remedy)];
}

/**
 * The number of octets that may be hashed for one request without a warning. The work takes about 20 ms with HMAC-SHA256 on one
 * core.
 */
const MAX_HASHED_BYTES = 16 * 1024 * 1024;
const MIB = 1024 * 1024;

/**
 * Warns of a route on which one request causes much work. Anybody can send a body with an invalid signature. This body is hashed
 * with the keys of every sender that requires a signature but no certificate.
 */
function inspectWork({ senders, maxBodyBytes }: Route, at: Place): Finding[] {
  const counts = senders.flatMap(({ certificate, signature }) =>
    certificate === undefined && signature !== undefined ? [countKeys(signature)] : [],
  );
  const keys = counts.reduce((sum, count) => sum + count, 0);
  if (counts.length < 2 || keys * maxBodyBytes <= MAX_HASHED_BYTES) return [];
  const [body, work] = [maxBodyBytes, keys * maxBodyBytes].map((bytes) => `${Math.ceil((bytes / MIB) * 10) / 10} MiB`);
  const problem = `anybody can send a body of up to ${body}, which is hashed with ${keys} keys of ${counts.length} senders that only sign: ${work} of work for one request`;
  return [
    warningAt(
      at,
      problem,
      "give each of these senders its own route, require a certificate from it, or lower maxBodyBytes",
    ),
  ];
}

/** Returns the largest number of keys with which one request is verified. A request selects the keys of one account. */
function countKeys({ secrets, accounts }: NonNullable<Route["senders"][number]["signature"]>): number {
  return Math.max(secrets.length, ...[...accounts.values()].map(({ length }) => length));
}
