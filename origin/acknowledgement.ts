// Makes the answer to an accepted event on a route with a fixed answer.

import type { Delivery } from "../core/delivery/delivery.ts";
import { type Acknowledgement, type Policy, type Route, selectRoute } from "../core/policy/policy.ts";
import { splitSignedTarget } from "../core/request/target.ts";

/** The route by which an event was judged. */
const judgedBy = new WeakMap<Delivery, Route>();

/** Keeps the route until the sender is answered, because a reload may remove it from the policy. Returns the delivery. */
export function keepRoute(delivery: Delivery, route: Route): Delivery {
  judgedBy.set(delivery, route);
  return delivery;
}

/**
 * Returns the route by which the event was judged. A route is kept only for a delivery that was made from a request, and not for an
 * event that was read from the inbox.
 */
export function keptRoute(delivery: Delivery): Route {
  const route = judgedBy.get(delivery);
  if (route === undefined) throw new Error(`no route is kept for the event ${delivery.id}`);
  return route;
}

/** Returns the current policy's route for a stored event. @throws Refusal if the policy has no such route now */
export function routeOf(policy: Policy, { request }: Pick<Delivery, "request">): Route {
  const [host, target] = splitSignedTarget(request.target);
  const [path = ""] = target.split("?", 1);
  return selectRoute(policy, path, request.method, host);
}

/** Returns the fixed answer. If the route has none, returns `members` as JSON, with the HTTP status `status`. */
export function acknowledge(fixed: Acknowledgement | undefined, members: object, status: number): Response {
  if (fixed === undefined) return Response.json(members, { status });
  const { status: own, type, body = null } = fixed;
  const headers = new Headers({
    "cache-control": "no-store",
    ...(type !== undefined && { "content-type": `${type}; charset=utf-8` }),
  });
  return new Response(own === 204 || own === 205 ? null : body, { status: own, headers });
}
