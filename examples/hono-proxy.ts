// A Hono app behind nginx. nginx asks senders for certificates and forwards them (docs/start/behind-a-proxy.md).

import { countersign } from "countersign/hono";
import { readSecret, serveProxy, throughProxy } from "countersign/node";
import { Hono } from "hono";
import policy from "./policy.json" with { type: "json" };

const guard = countersign({
  policy,
  secrets: readSecret, // finds each secret that the policy names: NAME, NAME_FILE, or a credential of systemd
  accept: () => {}, // stores nothing: only the sender can send over its own connection, so nothing is replayed. With an inbox: hono-inbox.ts
  ...throughProxy("nginx"),
});

const app = new Hono();
app.post("/hooks/acme", guard, async (c) => c.json({ sender: c.var.delivery.sender, event: await c.req.json() }));

// Every program that may open the socket counts as the proxy. So only this app and the proxy may have access to the folder of the
// socket.
const { url } = await serveProxy(app.fetch, {
  listener: { socket: process.env["SOCKET"] ?? "/run/app/origin.sock", mode: 0o600 },
  log: (line) => console.log(JSON.stringify(line)),
});
console.log(`listening at ${url}`);
