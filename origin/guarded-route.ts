// A guard admits the senders of one route of the policy, and the router runs the handler behind the guard. This checks that both
// mean the same route.

import { type Policy, type Route, selectRoute } from "../core/policy.ts";
import { Refusal } from "../core/refusal.ts";

/**
 * The policy's route for a request. It must be the path of the guard, unless the guard serves all routes.
 * @throws Refusal `route_mismatch`, and those of selectRoute
 */
export function selectGuardedRoute(policy: Policy, path: string, method: string, guard: string | undefined): Route {
  const route = selectRoute(policy, path, method);
  // Hono decodes paths before it matches them.
  const isOwn = guard === undefined || guard === route.path || guard === decodeURI(route.path);
  if (!isOwn) throw new Refusal("route_mismatch", { path, policy: route.path, guard });
  return route;
}
