// Bodies after the guard, with whichever Hono is installed here: a form, JSON, and what a refused request gets.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { onceInSqlite } from "countersign";
import { countersign } from "countersign/hono";
import { Hono } from "hono";

const { document, jwks, issuer, audience, now, requests, form } = JSON.parse(readFileSync("fixture.json", "utf8"));
const accept = onceInSqlite(new DatabaseSync(":memory:"));
const options = { policy: document, keys: jwks, issuer, audience, accept, onDecision() {}, clock: () => now };
const app = new Hono();
app.post("/hooks/acme", countersign(options), async (c) =>
  c.json(c.req.header("content-type").startsWith("multipart") ? await c.req.parseBody() : await c.req.json()),
);

const answers = [];
for (const { headers, body } of [form, requests[0], requests[1]]) {
  const response = await app.request("/hooks/acme", { method: "POST", headers, body });
  answers.push([response.status, await response.json()]);
}
console.log(JSON.stringify(answers));
