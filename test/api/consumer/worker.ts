// This program is compiled with the built package, but never run. It has an edge, and an origin in a Worker.

import { compilePolicy, onceInD1, onceInDurableObject, ReplayedError } from "countersign";
import { createEdge, type EdgeBindings } from "countersign/edge";
import { countersign } from "countersign/hono";
import { Hono } from "hono";

interface Bindings {
  readonly DB: D1Database;
  readonly ONCE: DurableObjectNamespace;
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

const edge = {
  policy,
  keys: { keys: [] },
  issuer: "https://hooks.example.com",
  audience: "https://origin.example.com",
};
const inD1 = countersign<{ Bindings: Bindings }>((c) => ({ ...edge, accept: onceInD1(c.env.DB) }));
const inObject = countersign<{ Bindings: Bindings }>((c) => ({ ...edge, accept: onceInDurableObject(c.env.ONCE) }));
app.post("/hooks/d1", inD1, (c) => c.json(c.var.delivery.factors));
app.post("/hooks/object", inObject, (c) => c.json(c.var.delivery.factors));

export { OnceObject } from "countersign";

export const origin: ExportedHandler<Bindings> = { fetch: app.fetch };
export default createEdge({}) satisfies ExportedHandler<EdgeBindings>;
