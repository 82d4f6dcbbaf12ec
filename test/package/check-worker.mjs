// The same in a Worker: the middleware of the installed package, with a replay check of its own.

import { compilePolicy, pinnedKeys, Refusal } from "countersign";
import { authenticate } from "countersign/hono";
import { Hono } from "hono";
import fixture from "./fixture.json";

const { document, jwks, issuer, audience, now } = fixture;
const policy = compilePolicy(document);
const seen = new Set();
/** Keys are imported by the first request: a Worker waits for nothing before. */
let app;

async function makeApp() {
  const accept = (_, { jti }) => {
    if (seen.has(jti)) throw new Refusal("replayed");
    seen.add(jti);
  };
  const findKey = await pinnedKeys(jwks);
  const guard = authenticate({ policy, findKey, issuer, audience, accept, log: console.log, clock: () => now });
  return new Hono().post("/hooks/acme", guard, (c) => c.json({ sender: c.var.delivery.sender }, 202));
}

export default {
  async fetch(request) {
    app ??= makeApp();
    return (await app).fetch(request);
  },
};
