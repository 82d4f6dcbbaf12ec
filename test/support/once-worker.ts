// An origin in a Worker. Its replay check uses D1 or a Durable Object.

import { Hono } from "hono";
import { countersign } from "../../origin/guard/guard.ts";
import { type D1, onceInD1 } from "../../origin/once/d1.ts";
import { type ObjectNamespace, onceInDurableObject } from "../../origin/once/object.ts";

export { OnceObject } from "../../origin/once/object.ts";

interface Bindings {
  readonly POLICY: object;
  readonly JWKS: { readonly keys: readonly object[] };
  readonly ISSUER: string;
  readonly AUDIENCE: string;
  readonly DB: D1;
  readonly ONCE: ObjectNamespace;
  readonly NONE: D1;
}

const ACCEPTS = {
  "/hooks/acme": ({ DB }: Bindings) => onceInD1(DB),
  "/hooks/both": ({ ONCE }: Bindings) => onceInDurableObject(ONCE),
  "/hooks/large": ({ NONE }: Bindings) => onceInD1(NONE),
};

const app = new Hono<{ Bindings: Bindings }>();
for (const [path, acceptOf] of Object.entries(ACCEPTS)) {
  const guard = countersign<{ Bindings: Bindings }>(({ env }) => ({
    policy: env.POLICY,
    keys: env.JWKS,
    issuer: env.ISSUER,
    audience: env.AUDIENCE,
    accept: acceptOf(env),
  }));
  app.post(path, guard, (c) => c.json({ sender: c.var.delivery.sender }, 201));
}

/** Accepts the ids of a list, one after another. Responds with the ids that were refused. */
app.post("/accept", async (c) => {
  const { path, ids, expires } = (await c.req.json()) as { path: keyof typeof ACCEPTS; ids: string[]; expires: number };
  const accept = ACCEPTS[path](c.env);
  const refused: string[] = [];
  for (const jti of ids) {
    try {
      await accept({} as never, { issuer: "https://old.example", jti, expires });
    } catch (error) {
      refused.push(`${jti}: ${(error as { code?: string }).code}`);
    }
  }
  return c.json(refused);
});

export default app;
