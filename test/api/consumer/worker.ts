// Compiled against the built package, never run: an edge, and an origin in a Worker.

import { compilePolicy, ReplayedError } from "countersign";
import { createEdge, type EdgeBindings } from "countersign/edge";
import { countersign } from "countersign/hono";
import { Hono } from "hono";

interface Bindings {
  readonly DB: D1Database;
  readonly AUDIENCE: string;
  readonly ACME_KEY: string;
}

const policy = compilePolicy({});
const app = new Hono<{ Bindings: Bindings }>();
app.post(
  "/hooks/acme",
  countersign<{ Bindings: Bindings }>((c) => ({
    policy,
    keys: "https://hooks.example.com/.well-known/jwks.json",
    issuer: "https://hooks.example.com",
    audience: c.env.AUDIENCE,
    secrets: c.env,
    accept: async (_, assertion) => {
      const { success } = await c.env.DB.prepare("INSERT INTO seen VALUES (?)").bind(assertion.jti).run();
      if (!success) throw new ReplayedError(assertion);
    },
  })),
  (c) => c.json({ sender: c.var.delivery.sender, audience: c.env.AUDIENCE }),
);

export const origin: ExportedHandler<Bindings> = { fetch: app.fetch };
export default createEdge({}) satisfies ExportedHandler<EdgeBindings>;
