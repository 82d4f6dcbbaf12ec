// Finds routes that a router may confuse with each other. Many routers are loose: they ignore letter case, a slash at the end of a
// path, and parameters in a path. An index of the routes is built once, so that a request looks up only a few segments, even if
// there are many routes.

import { namedHost, type Policy, placeOf, type Route } from "./policy.ts";

/**
 * Returns a function that finds a rival of `route`, which is the route of the request. A rival is a different route with two
 * properties. A loose router would run its handler for the path of the request, and it does not admit every sender of `route`. Some
 * routers ignore the host, so a route for a host that the request does not name can be a rival too. But such a route is no rival if
 * its path also belongs to a route for the request's host, or to a route without a host. If all routes have the same senders, there
 * are no rivals.
 */
export function indexRivals(routes: readonly Route[]): Policy["findRival"] {
  // The caller may pass a copy of a route, and this copy may contain copies of senders. So routes are compared by path, and senders
  // by name.
  const senders = new Map(routes.map((route) => [route.path, new Set(route.senders.map(({ name }) => name))]));
  const [first] = routes;
  if (routes.every((route) => first !== undefined && admitsAllOf(first, route) && admitsAllOf(route, first)))
    return () => undefined;

  const ownRoutes = new Map(
    Array.from(
      Map.groupBy(routes, (route) => placeOf(route)[0]),
      ([host, own]) => [host, new Map(own.map((route) => [placeOf(route)[1], route]))] as const,
    ),
  );
  const exact = groupByLooseForm(routes.filter(({ path }) => !path.endsWith("*")));
  const prefixes = groupByLooseForm(routes.filter(({ path }) => path.endsWith("*")));
  const longest = [...prefixes.keys()].reduce((most, { length }) => Math.max(most, length), 0);
  return (path, route, host = "") => {
    const own = ownRoutes.get(namedHost(ownRoutes, host));
    const everywhere = ownRoutes.get("");
    for (const loose of looseFormsOf(path)) {
      for (const [otherPath, others] of routesOf(loose)) {
        // A route for the request's host, or else a route without a host, may have exactly the path `otherPath`. Then the policy
        // uses this path for several hosts on purpose, so only that route can be a rival.
        const ofHost = own?.get(otherPath) ?? everywhere?.get(otherPath);
        const rival = (ofHost === undefined ? others : [ofHost]).find(
          (other) => other.path !== route.path && !admitsAllOf(other, route),
        );
        if (rival !== undefined) return rival;
      }
    }
    return undefined;
  };

  function routesOf(loose: string): readonly (readonly [path: string, Route[]])[] {
    // For example, `/a/` and `/a` have the loose form `/a`. A router that ignores a slash at the end applies the prefix `/a/*` to
    // both. For other routers, `/a` matches only a shorter prefix, such as `/*`. So both prefixes are looked up.
    return exact.get(loose) ?? [...(prefixes.get(loose) ?? []), ...longestPrefix(loose)];
  }

  /**
   * Returns the routes of the longest prefix that the path begins with. The search starts at the length of the longest prefix of
   * all routes, so that a path of thousands of segments costs no more than a short path.
   */
  function longestPrefix(loose: string): readonly (readonly [path: string, Route[]])[] {
    let end = longest + 1;
    while (end > 0) {
      end = loose.lastIndexOf("/", end - 1);
      const found = end < 0 ? undefined : prefixes.get(loose.slice(0, end));
      if (found !== undefined) return found;
    }
    return [];
  }

  function admitsAllOf(other: Route, route: Route): boolean {
    return route.senders.every(({ name }) => senders.get(other.path)?.has(name));
  }
}

/** Groups routes by the form in which a loose router compares their paths. */
function groupByLooseForm(routes: readonly Route[]): ReadonlyMap<string, readonly (readonly [string, Route[]])[]> {
  const byPath = Map.groupBy(routes, (route) => placeOf(route)[1]);
  return Map.groupBy(byPath, ([path]) => looseFormOf(path.replace("*", "")));
}

/**
 * Returns the forms in which loose routers compare a path. Some routers remove the parameters of each segment (RFC 3986 §3.3).
 * Others remove everything after the first semicolon.
 */
function looseFormsOf(path: string): readonly string[] {
  const forms = path.includes(";") ? [path, path.replace(/;[^/]*/g, ""), path.replace(/;.*/s, "")] : [path];
  return forms.map(looseFormOf);
}

/** Returns the path as a loose router compares it: decoded, in lower case, and without a slash at its end. */
function looseFormOf(path: string): string {
  return decode(path).toLowerCase().replace(/\/$/, "");
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
