// This file is compiled, but never run. Its types show that a handler without the guard cannot read a delivery.

import { Hono } from "hono";
import type { Delivery } from "../../core/delivery/delivery.ts";
import { authenticate } from "../../origin/authenticate.ts";
import type { AuthenticateOptions } from "../../origin/options.ts";

declare const options: AuthenticateOptions;
const app = new Hono();

app.post("/guarded", authenticate(options), (c) => {
  const delivery: Delivery = c.var.delivery;
  return c.text(delivery.sender);
});

app.post("/unguarded", (c) => {
  // @ts-expect-error there is no delivery without authenticate
  const { delivery } = c.var;
  return c.text(String(delivery));
});

app.post("/unguarded-too", (c) => {
  // @ts-expect-error there is no delivery without authenticate
  return c.text(c.get("delivery").sender);
});

// @ts-expect-error an object literal is no Delivery: a delivery must be bound to an admitted sender
const forged: Delivery = {
  id: "1",
  sender: "acme",
  certificate: {} as Delivery["certificate"],
  request: { method: "POST", target: "/", contentType: "" },
  headers: [],
  body: new Uint8Array(),
  contentDigest: "",
  factors: [],
  policyDigest: "",
};
export const refused = [forged];

const { accept, ...withoutAccept } = options;
// @ts-expect-error there is no replay check by default
export const guard = authenticate(withoutAccept);
export const accepts = accept;
