// A Hono app in a Worker. One of its routes accepts webhooks, from proven senders only.

import { compilePolicy, onceInD1 } from "countersign";
import { countersign } from "countersign/hono";
import { Hono } from "hono";
import document from "./policy.json";

interface Env {
  Bindings: { DB: D1Database; JWKS: { keys: object[] }; ISSUER: string; AUDIENCE: string };
}

const policy = compilePolicy(document); // at module scope, so that a policy with a fault cannot be deployed
const guard = countersign<Env>((c) => ({
  policy,
  keys: c.env.JWKS, // or the URL: "https://hooks.example.com/.well-known/jwks.json"
  issuer: c.env.ISSUER,
  audience: c.env.AUDIENCE,
  accept: onceInD1(c.env.DB),
}));

const app = new Hono<Env>();
app.get("/", (c) => c.text("open to everybody, as before"));
app.post("/hooks/acme", guard, async (c) => {
  const { id, sender } = c.var.delivery;
  return c.json({ id, sender, event: await c.req.json() });
});

export default app;
