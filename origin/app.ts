// The stand-alone origin: every route of the policy, authenticated, stored, answered with 202.

import { Hono } from "hono";
import { authenticate } from "./authenticate.ts";
import type { AuthenticateOptions } from "./authenticate-options.ts";

/** An app that answers 202 once `accept` has returned, and a problem for everything else. */
export function createOriginApp(options: AuthenticateOptions): Hono {
  const app = new Hono();
  app.all("*", authenticate(options), (c) => c.json({ event: c.var.delivery.id }, 202));
  return app;
}
