// The stand-alone origin: every route of the policy, authenticated, stored, answered with 202.

import { Hono } from "hono";
import { formatProblem } from "../core/decision.ts";
import { Refusal } from "../core/refusal.ts";
import { type AuthenticateOptions, authenticate } from "./authenticate.ts";

/** An app that answers 202 once `accept` has returned, and a problem for everything else. */
export function createOriginApp(options: AuthenticateOptions): Hono {
  const app = new Hono();
  app.all("*", authenticate(options), (c) => c.json({ event: c.var.delivery.id }, 202));
  app.onError((error) => {
    const id = crypto.randomUUID();
    const refusal = new Refusal("internal_error");
    options.log({ decision: "failed", id, code: refusal.code, cause: error.stack ?? error.message });
    return formatProblem(refusal, id);
  });
  return app;
}
