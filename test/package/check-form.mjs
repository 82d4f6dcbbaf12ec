// Checks the installed version of Hono: which body a handler gets after the guard (a form, JSON), and which response a refused
// request gets. Also checks the console.

import { readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { compilePolicy, onceInSqlite } from "countersign";
import { createConsole } from "countersign/console";
import { countersign } from "countersign/hono";
import { openInbox } from "countersign/node";
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

const inbox = await openInbox("console.sqlite");
const shown = {
  inbox,
  policy: compilePolicy(document),
  hosts: ["console.test"],
  visitor: () => ({ role: "operator" }),
};
const pages = new Hono().route("/console", createConsole({ ...shown, path: "/console", log() {} }));
for (const path of ["", "/events", "/live"])
  answers.push((await pages.request(`http://console.test/console${path}`)).status);
await inbox.close();
console.log(JSON.stringify(answers));
// Ends the process. Otherwise it would run on, because the live updates of the last page continue.
process.exit();
