// A Hono app that senders reach directly. Its own listener asks for client certificates. Needs Node 26.10 or newer.

import { readFileSync } from "node:fs";
import { compilePolicy } from "countersign";
import { countersign } from "countersign/hono";
import { anchorsInUse, createTlsState, listenTls, readSecret, throughTls } from "countersign/node";
import { Hono } from "hono";
import document from "./policy.json" with { type: "json" };

const policy = compilePolicy(document);
const guard = countersign({
  policy,
  secrets: readSecret, // finds each secret that the policy names: NAME, NAME_FILE, or a credential of systemd
  accept: () => {}, // stores nothing: only the sender can send over its own connection, so nothing is replayed. With an inbox: hono-inbox.ts
  ...throughTls,
});

const app = new Hono();
app.post("/hooks/acme", guard, async (c) => c.json({ sender: c.var.delivery.sender, event: await c.req.json() }));

const pair = { certificate: readFileSync("server.pem", "utf8"), key: readFileSync("server.key", "utf8") };
const tls = createTlsState([pair], anchorsInUse(policy));
const { url } = await listenTls(app.fetch, {
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"] ?? 8443),
  clientCertificates: "request",
  state: () => tls,
  log: (line) => console.log(JSON.stringify(line)),
});
console.log(`listening at ${url}`);
