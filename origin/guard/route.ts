// A guard admits the senders of one route of the policy, and the router runs the handler behind the guard. This file checks that
// the policy and the router mean the same route.

import type { Question } from "../../core/handshake/question.ts";
import { type Policy, placeOf, type Route, selectRoute } from "../../core/policy/policy.ts";
import { OriginRefusal } from "../../core/refusal.ts";

/** Describes what the code behind a guard serves. */
export interface Served {
  /**
   * The path at which a router runs the guard, whatever the host of the request is. Undefined if the guard runs for all routes, or
   * if `route` names the route.
   */
  readonly guard: string | undefined;
  /** The route in the policy, if the app's router cannot tell the path of the guard. */
  readonly route?: string | undefined;
}

/**
 * Returns the policy's route for a request. Refuses the request if the code behind the guard serves a different route. `question`
 * is given if the origin has no edge, because such an origin answers challenges itself.
 * @throws Refusal `route_mismatch`, and the refusals of selectRoute
 */
export function selectGuardedRoute(
  policy: Policy,
  { path, host }: { readonly path: string; readonly host: string },
  method: string,
  { guard, route: served }: Served,
  question?: Question,
): Route {
  const route = selectRoute(policy, path, method, host, question);
  const [, ownPath] = placeOf(route);
  // Hono decodes the path of a request before it looks for a guard, so the guard may be registered at the decoded path.
  const isAtGuard = guard === undefined || guard === ownPath || guard === decodeURI(ownPath);
  if (!isAtGuard || (served !== undefined && served !== route.path))
    throw new OriginRefusal("route_mismatch", { path, policy: route.path, guard: served ?? guard });
  return route;
}
