// The app behind a proxy: reads the body and answers, on the same server code.

import { Hono } from "hono";
import { serve } from "../../origin/node/server.ts";
import { announce } from "./announce.ts";

const app = new Hono();
app.post("*", async (c) => c.json({ event: crypto.randomUUID(), bytes: (await c.req.arrayBuffer()).byteLength }, 202));
const { url } = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: () => undefined });
announce(url);
