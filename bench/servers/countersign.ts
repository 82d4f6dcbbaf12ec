// Our middleware on our Node server. With `log`, it prints every line. With `inbox`, it stores events instead of remembering ids.

import { Hono } from "hono";
import { formatLogLine, stampLine } from "../../core/decision.ts";
import { compilePolicy } from "../../core/policy-compiler.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AcceptDelivery } from "../../origin/acceptance.ts";
import { authenticate } from "../../origin/authenticate.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { serve } from "../../origin/node/server.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { openPlainInbox } from "../plain-inbox.ts";
import { announce } from "./announce.ts";
import type { OriginSettings } from "./settings.ts";

const { policy, jwks, issuer, audience, log, inbox, plainFile } = JSON.parse(process.argv[2] ?? "") as OriginSettings;

const app = new Hono();
const guard = authenticate({
  servesEveryRoute: true,
  policy: compilePolicy(policy),
  findKey: await pinnedKeys(jwks),
  issuer,
  audience,
  accept: await openAccept(),
  log: log ? (line) => console.log(formatLogLine(stampLine(line, Date.now()))) : () => {},
});
app.all("*", guard, (c) => c.json({ event: c.var.delivery.id }, 202));
const { url } = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: () => undefined });
announce(url);

async function openAccept(): Promise<AcceptDelivery> {
  if (inbox !== undefined) return (await openInbox(inbox)).accept;
  return plainFile === undefined ? acceptInMemory() : openPlainInbox(plainFile);
}

/** A minimal replay check. */
function acceptInMemory(): AcceptDelivery {
  const seen = new Set<string>();
  return (_, { jti }) => {
    if (seen.has(jti)) throw new Refusal("replayed", { jti });
    seen.add(jti);
  };
}
