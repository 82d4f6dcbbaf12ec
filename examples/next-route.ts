// app/hooks/acme/route.ts of a Next app. Other frameworks whose handlers take a web Request work in the same way.

import { DatabaseSync } from "node:sqlite";
import { createVerifier, onceInSqlite, RefusedError } from "countersign";
import jwks from "./jwks.json" with { type: "json" };
import policy from "./policy.json" with { type: "json" };

const verifier = createVerifier({
  policy,
  keys: jwks, // or the URL: "https://hooks.example.com/.well-known/jwks.json"
  issuer: "https://hooks.example.com",
  audience: "https://origin.example.com",
  accept: onceInSqlite(new DatabaseSync("accepted.sqlite")), // for several processes, use onceInPostgres(pool)
  route: "/hooks/acme",
});

export async function POST(request: Request): Promise<Response> {
  try {
    const { delivery } = await verifier.verify(request);
    const event: unknown = JSON.parse(new TextDecoder().decode(delivery.body));
    return Response.json({ id: delivery.id, sender: delivery.sender, event });
  } catch (error) {
    if (error instanceof RefusedError) return error.getResponse();
    throw error;
  }
}
