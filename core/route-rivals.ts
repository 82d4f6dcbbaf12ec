// Finds routes that a router may confuse: many routers ignore letter case, a slash at the end of a path, and parameters in it. An
// index is built once, so that a request looks up only a few segments, however many routes there are.

import { type Policy, placeOf, type Route } from "./policy.ts";

/**
 * The function finds, for a path and its route, another route whose handler a loose router would run, and that does not admit
 * every sender of `route`. If all routes of a host have the same senders, there are no rivals.
 */
export function indexRivals(routes: readonly Route[]): Policy["findRival"] {
  const routesByHost = Map.groupBy(routes, (route) => placeOf(route)[0]);
  const everywhere = routesByHost.get("") ?? [];
  const rivalsOf = new Map<readonly Route[], Rivals>();
  return (path, route, host = "") => {
    const own = routesByHost.get(host) ?? everywhere;
    const rivals = rivalsOf.get(own) ?? indexHost(routesBeside(own, everywhere));
    rivalsOf.set(own, rivals);
    return rivals(path, route);
  };
}

/**
 * The routes that a request for a host can have: its own, and those without a host. If both have one path, a router runs one handler
 * for it on every host, as the policy says.
 */
function routesBeside(own: readonly Route[], everywhere: readonly Route[]): readonly Route[] {
  const paths = new Set(own.map((route) => placeOf(route)[1]));
  return [...own, ...everywhere.filter((route) => !paths.has(placeOf(route)[1]))];
}

type Rivals = (path: string, route: Route) => Route | undefined;

function indexHost(routes: readonly Route[]): Rivals {
  // Compares senders by name and routes by path, because a caller may have copied a route and given it other senders.
  const senders = new Map(routes.map((route) => [route.path, new Set(route.senders.map(({ name }) => name))]));
  const [first] = routes;
  if (routes.every((route) => first !== undefined && admitsAllOf(first, route) && admitsAllOf(route, first)))
    return () => undefined;

  const exact = Map.groupBy(
    routes.filter(({ path }) => !path.endsWith("*")),
    (route) => looseFormOf(placeOf(route)[1]),
  );
  const prefixes = Map.groupBy(
    routes.filter(({ path }) => path.endsWith("*")),
    (route) => looseFormOf(placeOf(route)[1].slice(0, -1)),
  );
  const longest = [...prefixes.keys()].reduce((most, { length }) => Math.max(most, length), 0);
  return (path, route) =>
    looseFormsOf(path)
      .flatMap(routesOf)
      .find((other) => other.path !== route.path && !admitsAllOf(other, route));

  function routesOf(loose: string): readonly Route[] {
    // With a slash at its end, the path may match a longer prefix than without it.
    return exact.get(loose) ?? [...(prefixes.get(loose) ?? []), ...longestPrefix(loose)];
  }

  /** Starts at the length of the longest prefix, so that a path of thousands of segments costs no more than another. */
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

/** Some routers remove the parameters of each segment (RFC 3986 §3.3); others remove everything after the first semicolon. */
function looseFormsOf(path: string): readonly string[] {
  const forms = path.includes(";") ? [path, path.replace(/;[^/]*/g, ""), path.replace(/;.*/s, "")] : [path];
  return forms.map(looseFormOf);
}

/** The path as a router sees it that ignores letter case, even of encoded letters, and a slash at the end. */
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
