// A guard admits the senders of one route of the policy, and the router runs the handler behind the guard. This checks that both
// mean the same route.

import { type Policy, placeOf, type Route, selectRoute } from "../../core/policy/policy.ts";
import { Refusal } from "../../core/refusal.ts";

/** Describes what the code behind a guard serves. */
export interface Served {
  /**
   * The path at which a router runs the guard, on every host. Undefined if the guard runs for all routes, or if `route` names the
   * route.
   */
  readonly guard: string | undefined;
  /** The route of the policy, for code whose router is not known. */
  readonly route?: string | undefined;
}

/**
 * Returns the policy's route for a request. It must be the route of the code behind the guard, unless that code serves all routes.
 * @throws Refusal `route_mismatch`, and the refusals of selectRoute
 */
export function selectGuardedRoute(
  policy: Policy,
  { path, host }: { readonly path: string; readonly host: string },
  method: string,
  { guard, route: served }: Served,
): Route {
  const route = selectRoute(policy, path, method, host);
  const [, ownPath] = placeOf(route);
  // Hono decodes a path before it matches the path, so the path of the guard may also be the decoded one.
  const isAtGuard = guard === undefined || guard === ownPath || guard === decodeURI(ownPath);
  if (!isAtGuard || (served !== undefined && served !== route.path))
    throw new Refusal("route_mismatch", { path, policy: route.path, guard: served ?? guard });
  return route;
}
