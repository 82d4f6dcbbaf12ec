// This program is compiled with the built package, but never run. It has an origin behind the edge, and origins that terminate
// mutual TLS themselves or use a proxy.

import type { AcceptDelivery, Delivery, Handler } from "countersign";
import { compilePolicy, createVerifier, forwardTo, importSigningKeys, RefusedError, ReplayedError } from "countersign";
import { type CountersignVariables, countersign } from "countersign/hono";
import {
  anchorsInUse,
  createTlsState,
  Dispatcher,
  listenTls,
  openInbox,
  serve,
  serveProxy,
  throughProxy,
  throughTls,
} from "countersign/node";
import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";

const log = (line: { readonly decision: string }) => console.log(line.decision);
const policy = compilePolicy({});
const inbox = await openInbox("inbox.sqlite");
const edge = {
  keys: "https://hooks.example.com/.well-known/jwks.json",
  issuer: "https://hooks.example.com",
  audience: "https://origin.example.com",
};
const app = new Hono<{ Variables: CountersignVariables }>();

app.post("/hooks/acme", countersign({ policy, ...edge, accept: inbox.accept, onDecision: log }), (c) => {
  const delivery: Delivery = c.var.delivery;
  return c.json({ event: delivery.id, factors: delivery.factors }, 202);
});
// The guard declares the type of `c.var.delivery`, so an app need not declare it. A route without the guard has no delivery.
new Hono().post("/hooks/beta", countersign({ policy, ...edge, accept: inbox.accept }), async (c) =>
  c.json({ sender: c.var.delivery.sender, said: await c.req.json() }),
);
// @ts-expect-error
new Hono().post("/open", (c) => c.text(c.var.delivery.sender));
// @ts-expect-error there is no replay check by default
countersign({ policy, ...edge });
app.onError((error) => {
  if (error instanceof HTTPException && error.cause instanceof RefusedError) return error.getResponse();
  throw error;
});

const seen = new Set<string>();
const accept: AcceptDelivery = (_, assertion) => {
  if (seen.has(assertion.jti)) throw new ReplayedError(assertion);
  seen.add(assertion.jti);
};
const verifier = createVerifier({ policy: {}, ...edge, keys: { keys: [] }, accept, route: "/hooks/acme" });
export async function POST(request: Request): Promise<Response> {
  try {
    const { delivery, duplicateOf } = await verifier.verify(request);
    return Response.json({ event: duplicateOf ?? delivery.id });
  } catch (error) {
    if (error instanceof RefusedError) return error.getResponse();
    throw error;
  }
}
// @ts-expect-error a verifier does not know which route it serves
createVerifier({ policy, ...edge, accept });

app.post("/direct", countersign({ policy, accept, secrets: { KEY: "" }, ...throughTls }), (c) => c.body(null, 202));
app.post("/proxied", countersign({ policy, accept, secrets: () => "", ...throughProxy("nginx") }), (c) => c.body(null));

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
  await serveProxy(app.fetch, { listener: { socket: "/run/countersign/origin.sock", mode: 0o600 }, log }),
];
