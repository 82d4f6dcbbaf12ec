// An Express app. One of its routes accepts webhooks, from proven senders only. In Fastify, use toWebRequest(request.raw), after
// app.removeAllContentTypeParsers() and app.addContentTypeParser("*", (request, payload, done) => done(null)).

import { createServer } from "node:http";
import { DatabaseSync } from "node:sqlite";
import { createVerifier, onceInSqlite, RefusedError } from "countersign";
import { toWebRequest } from "countersign/node";
import express from "express";
import jwks from "./jwks.json" with { type: "json" };
import policy from "./policy.json" with { type: "json" };

const verifier = createVerifier({
  policy,
  keys: jwks, // or the URL: "https://hooks.example.com/.well-known/jwks.json"
  issuer: "https://hooks.example.com",
  audience: "https://origin.example.com",
  accept: onceInSqlite(new DatabaseSync("accepted.sqlite")),
  route: "/hooks/acme",
});

const app = express();
// This route comes before express.json(), because the signature covers the bytes of the body.
app.post("/hooks/acme", async (req, res) => {
  try {
    const { delivery } = await verifier.verify(toWebRequest(req));
    const event = JSON.parse(new TextDecoder().decode(delivery.body));
    res.json({ id: delivery.id, sender: delivery.sender, event });
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    const answer = error.getResponse();
    res.status(answer.status).set(Object.fromEntries(answer.headers));
    res.send(await answer.text());
  }
});
app.use(express.json());
app.post("/open", (req, res) => res.json({ said: req.body }));

// The assertion and the certificate are headers of up to 50 KiB, and Node's default limit of 16 KiB is too small.
const server = createServer({ maxHeaderSize: 64 * 1024 }, app);
server.listen(Number(process.env["PORT"] ?? 8080), "127.0.0.1", () => {
  console.log(`listening at http://127.0.0.1:${server.address().port}`);
});
