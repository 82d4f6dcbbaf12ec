// Routes that a router may take for one another: many read no letter case, no slash at the end of a path and no parameters in it.
// Indexed once, so that a request looks up a few segments, however many routes there are.

import type { Policy, Route } from "./policy.ts";

/**
 * Of a path on its route: the route whose handler a looser router would run, where that one does not admit every sender of
 * the path's own. Routes whose senders are all the same have no rivals.
 */
export function indexRivals(routes: readonly Route[]): Policy["findRival"] {
  // By name and path: who asks may have made a route with other senders of one of these.
  const senders = new Map(routes.map((route) => [route.path, new Set(route.senders.map(({ name }) => name))]));
  const [first] = routes;
  if (routes.every((route) => first !== undefined && admitsAllOf(first, route) && admitsAllOf(route, first)))
    return () => undefined;

  const exact = Map.groupBy(
    routes.filter(({ path }) => !path.endsWith("*")),
    ({ path }) => looseFormOf(path),
  );
  const prefixes = Map.groupBy(
    routes.filter(({ path }) => path.endsWith("*")),
    ({ path }) => looseFormOf(path.slice(0, -1)),
  );
  const longest = [...prefixes.keys()].reduce((most, { length }) => Math.max(most, length), 0);
  return (path, route) =>
    looseFormsOf(path)
      .flatMap(routesOf)
      .find((other) => other.path !== route.path && !admitsAllOf(other, route));

  function routesOf(loose: string): readonly Route[] {
    // With a slash at its end the path may be on a longer prefix than without.
    return exact.get(loose) ?? [...(prefixes.get(loose) ?? []), ...longestPrefix(loose)];
  }

  /** The walk begins where the longest prefix ends: a path of thousands of segments costs no more than another. */
  function longestPrefix(loose: string): readonly Route[] {
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

/** Some routers leave out the parameters of a segment (RFC 3986 §3.3), others all behind the first semicolon. */
function looseFormsOf(path: string): readonly string[] {
  const forms = path.includes(";") ? [path, path.replace(/;[^/]*/g, ""), path.replace(/;.*/s, "")] : [path];
  return forms.map(looseFormOf);
}

/** What is left of a path for a router that reads no letter case, also of encoded letters, and no slash at the end. */
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
