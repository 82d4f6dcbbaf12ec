// Compiled against the built package, never run: an origin behind the edge, and one that terminates mutual TLS itself.

import type { Delivery, Handler } from "countersign";
import { compilePolicy, fetchedKeys, forwardTo, importSigningKeys, loadHeldSecrets, loadSecrets } from "countersign";
import { type AuthenticatedEnv, authenticate } from "countersign/hono";
import {
  anchorsInUse,
  createTlsState,
  crossCheckTlsPeer,
  Dispatcher,
  listenTls,
  openInbox,
  readTlsPeer,
  serve,
} from "countersign/node";
import { Hono } from "hono";

const log = (line: { readonly decision: string }) => console.log(line.decision);
const policy = compilePolicy({});
const inbox = await openInbox("inbox.sqlite");
const origin = { policy, accept: inbox.accept, log };
const app = new Hono<AuthenticatedEnv>();

app.post(
  "/hooks/acme",
  authenticate({
    ...origin,
    secrets: loadHeldSecrets(policy, () => undefined),
    findKey: fetchedKeys("https://hooks.example.com/.well-known/jwks.json", { onError: console.error }),
    issuer: "https://hooks.example.com",
    audience: "https://origin.example.com",
  }),
  (c) => {
    const delivery: Delivery = c.var.delivery;
    return c.json({ event: delivery.id, factors: delivery.factors }, 202);
  },
);
// @ts-expect-error a route without the guard has no delivery
new Hono().post("/open", (c) => c.text(c.var.delivery.sender));

app.post(
  "/direct",
  authenticate({
    ...origin,
    secrets: loadSecrets(policy, () => undefined),
    readCertificate: (_, environment) => readTlsPeer(environment),
    crossCheck: crossCheckTlsPeer,
  }),
  (c) => c.body(null, 202),
);

export const handler: Handler = (delivery, { attempt, signal }) => signal.aborted || delivery.body.length > attempt;
const keys = await importSigningKeys({ keys: [] });
export const upstream = forwardTo({
  origin: "http://127.0.0.1:3000",
  issuer: "https://origin.example.com",
  audience: "app",
  keys: () => keys,
});

const dispatcher = new Dispatcher({ work: inbox.work, handler, log, limits: { concurrency: 4 } });
dispatcher.start();
const tls = createTlsState([{ certificate: "", key: "" }], anchorsInUse(policy));
const address = { hostname: "127.0.0.1", port: 8443, log };
export const servers = [
  await serve(app.fetch, address),
  await listenTls(app.fetch, { ...address, clientCertificates: "request", state: () => tls }),
];
