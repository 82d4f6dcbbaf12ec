// A Hono app behind nginx, which asks senders for certificates and forwards them (docs/start/behind-a-proxy.md).

import { countersign } from "countersign/hono";
import { serveProxy, throughProxy } from "countersign/node";
import { Hono } from "hono";
import policy from "./policy.json" with { type: "json" };

const guard = countersign({
  policy,
  secrets: process.env, // those that the policy names
  accept: () => {}, // nobody else can repeat what comes over the sender's own connection; or inbox.accept, to keep events
  ...throughProxy("nginx"),
});

const app = new Hono();
app.post("/hooks/acme", guard, async (c) => c.json({ sender: c.var.delivery.sender, event: await c.req.json() }));

// Whoever may open the socket is the proxy: its folder belongs to the two of them.
const { url } = await serveProxy(app.fetch, {
  listener: { socket: process.env["SOCKET"] ?? "/run/app/origin.sock", mode: 0o600 },
  log: (line) => console.log(JSON.stringify(line)),
});
console.log(`listening at ${url}`);
