// Makes the answer to an accepted event on a route with a fixed answer.

import type { Delivery } from "../core/delivery/delivery.ts";
import { type Acknowledgement, type Policy, type Route, selectRoute } from "../core/policy/policy.ts";
import { splitSignedTarget } from "../core/request/target.ts";

/** Returns the route of an accepted event. @throws Refusal if the policy has no such route now */
export function routeOf(policy: Policy, { request }: Pick<Delivery, "request">): Route {
  const [host, target] = splitSignedTarget(request.target);
  const [path = ""] = target.split("?", 1);
  return selectRoute(policy, path, request.method, host);
}

/** Returns the fixed answer, or JSON with `status` if the route has none. */
export function acknowledge(fixed: Acknowledgement | undefined, members: object, status: number): Response {
  if (fixed === undefined) return Response.json(members, { status });
  const { status: own, type, body = null } = fixed;
  const headers = new Headers({
    "cache-control": "no-store",
    ...(type !== undefined && { "content-type": `${type}; charset=utf-8` }),
  });
  return new Response(own === 204 || own === 205 ? null : body, { status: own, headers });
}
