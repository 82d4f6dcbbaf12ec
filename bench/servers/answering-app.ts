// A Hono app that runs behind a proxy. It reads the body and answers 202.

import { Hono } from "hono";

export function answeringApp(): Hono {
  const app = new Hono();
  app.post("*", async (c) =>
    c.json({ event: crypto.randomUUID(), bytes: (await c.req.arrayBuffer()).byteLength }, 202),
  );
  return app;
}
