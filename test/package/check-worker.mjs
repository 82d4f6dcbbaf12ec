// An origin in a Worker that uses the middleware of the installed package, with the replay check of this file.

import { ReplayedError } from "countersign";
import { countersign } from "countersign/hono";
import { Hono } from "hono";
import fixture from "./fixture.json";

const { document, jwks, issuer, audience, now } = fixture;
const seen = new Set();
const accept = (_, assertion) => {
  if (seen.has(assertion.jti)) throw new ReplayedError(assertion);
  seen.add(assertion.jti);
};

const guard = countersign({ policy: document, keys: jwks, issuer, audience, accept, clock: () => now });
export default new Hono().post("/hooks/acme", guard, (c) => c.json({ sender: c.var.delivery.sender }, 202));
