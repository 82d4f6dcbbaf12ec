// A Hono app that senders reach directly, with an inbox. Each event is stored before the sender gets 202. The handler is called for
// the event until it succeeds.

import { readFileSync } from "node:fs";
import { compilePolicy, type Handler } from "countersign";
import { countersign } from "countersign/hono";
import {
  anchorsInUse,
  createTlsState,
  Dispatcher,
  listenTls,
  openInbox,
  readSecret,
  throughTls,
} from "countersign/node";
import { Hono } from "hono";
import document from "./policy.json" with { type: "json" };

const log = (line: object) => console.log(JSON.stringify(line));
const policy = compilePolicy(document);
const inbox = await openInbox("inbox.sqlite"); // or postgres://…, with the package pg

// Your code. If it throws, it is called again later. It may be called twice for one id, and must act only once.
const handler: Handler = ({ sender, body }, { id }) => {
  log({ handled: id, sender, event: JSON.parse(new TextDecoder().decode(body)) });
};
const dispatcher = new Dispatcher({ work: inbox.work, handler, log });
const guard = countersign({ policy, secrets: readSecret, accept: inbox.accept, ...throughTls });

const app = new Hono();
app.post("/hooks/acme", guard, (c) => {
  dispatcher.wake(); // without it, the handler is called up to a second later
  return c.body(null, 202);
});

const pair = { certificate: readFileSync("server.pem", "utf8"), key: readFileSync("server.key", "utf8") };
const tls = createTlsState([pair], anchorsInUse(policy));
const server = await listenTls(app.fetch, {
  hostname: "127.0.0.1",
  port: Number(process.env["PORT"] ?? 8443),
  clientCertificates: "request",
  state: () => tls,
  log,
});
dispatcher.start();
console.log(`listening at ${server.url}`);

const DAY = 86_400;
const prune = () =>
  inbox.prune({ bodySeconds: 30 * DAY, eventSeconds: 365 * DAY }).catch((error) => log({ error: String(error) }));
const pruning = setInterval(prune, 60_000);
process.once("SIGTERM", async () => {
  clearInterval(pruning);
  await server.close();
  await dispatcher.stop();
  await inbox.close();
});
