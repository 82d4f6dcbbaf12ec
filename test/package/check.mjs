// Checks the main task of the package on any runtime, with only the installed package. An origin behind the edge accepts an event
// over HTTP, passes it to a handler and shows it in a console. The origin refuses a replay of the event, and the event with another
// body. The results are printed as JSON.

import { readFileSync } from "node:fs";
import { compilePolicy } from "countersign";
import { createConsole } from "countersign/console";
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

// Reads what the console shows about the event.
const options = {
  inbox,
  policy: compilePolicy(document),
  hosts: ["console.test"],
  visitor: () => ({ role: "reader" }),
};
const shown = createConsole({ ...options, log });
const pages = ["/", "/events", "/refusals", "/senders", "/console.js"];
const answers = await Promise.all(
  pages.map(async (page) => (await shown.request(`http://console.test${page}`)).status),
);
const facts = await shown.request("http://console.test/events", { headers: { accept: "application/json" } });
const { events } = await facts.json();
await inbox.close();
console.log(JSON.stringify({ statuses, decisions, event, answers, listed: events.map(({ sender }) => sender) }));
