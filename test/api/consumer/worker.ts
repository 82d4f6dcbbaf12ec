// Compiled against the built package, never run: an edge, and an origin in a Worker.

import { compilePolicy, pinnedKeys, Refusal } from "countersign";
import { createEdge, type EdgeBindings } from "countersign/edge";
import { type AuthenticatedEnv, authenticate } from "countersign/hono";
import { Hono } from "hono";

interface Bindings {
  readonly EVENTS: D1Database;
}

const app = new Hono<AuthenticatedEnv & { Bindings: Bindings }>();
app.post(
  "/hooks/acme",
  authenticate({
    policy: compilePolicy({}),
    findKey: await pinnedKeys({ keys: [] }),
    issuer: "https://hooks.example.com",
    audience: "https://origin.example.com",
    accept: (_, { jti }) => {
      if (jti === "") throw new Refusal("replayed");
    },
    log: (line) => console.log(line.decision),
  }),
  (c) => c.json({ sender: c.var.delivery.sender, bytes: c.var.delivery.body.byteLength }),
);

export const origin: ExportedHandler<Bindings> = { fetch: app.fetch };
export default createEdge({}) satisfies ExportedHandler<EdgeBindings>;
