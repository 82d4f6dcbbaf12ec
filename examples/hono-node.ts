// A Hono app on Node. One of its routes accepts webhooks, from proven senders only.

import { DatabaseSync } from "node:sqlite";
import { onceInSqlite } from "countersign";
import { countersign } from "countersign/hono";
import { serve } from "countersign/node";
import { Hono } from "hono";
import jwks from "./jwks.json" with { type: "json" };
import policy from "./policy.json" with { type: "json" };

const guard = countersign({
  policy,
  keys: jwks, // or the URL: "https://hooks.example.com/.well-known/jwks.json"
  issuer: "https://hooks.example.com",
  audience: "https://origin.example.com",
  accept: onceInSqlite(new DatabaseSync("accepted.sqlite")),
});

const app = new Hono();
app.get("/", (c) => c.text("open to everybody, as before"));
app.post("/hooks/acme", guard, async (c) => {
  const { id, sender } = c.var.delivery; // does not compile on a route without the guard
  const event = await c.req.json(); // the bytes that were verified
  return c.json({ id, sender, event });
});

const log = (line: object) => console.log(JSON.stringify(line));
const port = Number(process.env["PORT"] ?? 8080);
const { url } = await serve(app.fetch, { hostname: "127.0.0.1", port, log });
console.log(`listening at ${url}`);
