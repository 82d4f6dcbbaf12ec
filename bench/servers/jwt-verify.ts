// A bare Hono handler with which our middleware is compared. It verifies the same token with jose, reads the body, and checks
// nothing else.

import { Hono } from "hono";
import { importJWK, type JWK, jwtVerify } from "jose";
import { ASSERTION_HEADER } from "../../core/wire.ts";
import { serve } from "../../origin/node/server.ts";
import { announce } from "./announce.ts";
import type { OriginSettings } from "./settings.ts";

const { jwks, issuer, audience } = JSON.parse(process.argv[2] ?? "") as OriginSettings;
const key = await importJWK(jwks.keys[0] as JWK, "ES256");

const app = new Hono();
app.post("*", async (c) => {
  const { payload } = await jwtVerify(c.req.header(ASSERTION_HEADER) ?? "", key, {
    issuer,
    audience,
    algorithms: ["ES256"],
  });
  const body = await c.req.arrayBuffer();
  return c.json({ event: payload["txn"], bytes: body.byteLength }, 202);
});
const { url } = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: () => undefined });
announce(url);
