// The main job, from the installed package alone, on whatever runtime this is: an origin behind the edge takes an event over HTTP,
// refuses its replay and another body, and hands it to a handler. Prints what happened as JSON.

import { readFileSync } from "node:fs";
import { countersign } from "countersign/hono";
import { Dispatcher, openInbox, serve } from "countersign/node";
import { Hono } from "hono";

const [fixture, location] = process.argv.slice(2);
const { document, jwks, issuer, audience, now, requests } = JSON.parse(readFileSync(fixture, "utf8"));

const inbox = await openInbox(location);
const decisions = [];
const log = ({ decision, code }) => decisions.push(code ?? decision);

const handled = Promise.withResolvers();
const dispatcher = new Dispatcher({
  work: inbox.work,
  handler: ({ sender, certificate, body }) =>
    handled.resolve({ sender, subject: certificate.subject, body: new TextDecoder().decode(body) }),
  log,
});
dispatcher.start();

const app = new Hono();
const guard = countersign({
  ...{ policy: document, keys: jwks, issuer, audience },
  ...{ accept: inbox.accept, onDecision: log, clock: () => now },
});
app.post("/hooks/acme", guard, (c) => {
  dispatcher.wake();
  return c.json({ event: c.var.delivery.id }, 202);
});

const server = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log });
const statuses = [];
for (const { headers, body } of requests) {
  const response = await fetch(`${server.url}/hooks/acme`, { method: "POST", headers, body });
  await response.arrayBuffer();
  statuses.push(response.status);
}
const event = await handled.promise;
await server.close();
await dispatcher.stop();
await inbox.close();
console.log(JSON.stringify({ statuses, decisions, event }));
