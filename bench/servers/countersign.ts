// Runs our middleware on our Node server. With `log`, the server prints every log line. With `inbox` or `plainFile`, it stores
// events. If neither is set, it keeps the ids of assertions in memory, to refuse replays.

import { Hono } from "hono";
import { formatLogLine, stampLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AcceptDelivery } from "../../origin/accept.ts";
import { authenticate } from "../../origin/authenticate.ts";
import { createConsoleOf } from "../../origin/console/console.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { openInbox } from "../../origin/inbox/open.ts";
import { hostsOf, serveConsole } from "../../origin/node/console-server.ts";
import { serve } from "../../origin/node/server.ts";
import { pinnedKeys } from "../../origin/verification-keys.ts";
import { openPlainInbox } from "../plain-inbox.ts";
import { announce } from "./announce.ts";
import type { OriginSettings } from "./settings.ts";

const settings = JSON.parse(process.argv[2] ?? "") as OriginSettings;
const { policy, jwks, issuer, audience, log, inbox, plainFile, hasConsole } = settings;
const opened = inbox === undefined ? undefined : await openInbox(inbox);

const app = new Hono();
const guard = authenticate({
  servesEveryRoute: true,
  policy: compilePolicy(policy),
  findKey: await pinnedKeys(jwks),
  issuer,
  audience,
  accept: openAccept(),
  log: log ? (line) => console.log(formatLogLine(stampLine(line, Date.now()))) : () => {},
});
app.all("*", guard, (c) => c.json({ event: c.var.delivery.id }, 202));
const { url } = await serve(app.fetch, { hostname: "127.0.0.1", port: 0, log: () => undefined });
announce(url, hasConsole && opened !== undefined ? await openConsole(opened) : undefined);

function openAccept(): AcceptDelivery {
  if (opened !== undefined) return opened.accept;
  return plainFile === undefined ? acceptInMemory() : openPlainInbox(plainFile);
}

async function openConsole(shown: Inbox): Promise<string> {
  const listener = { hostname: "127.0.0.1", port: 0 };
  const app = createConsoleOf(
    {
      ...{ inbox: shown, policy: compilePolicy(policy), hosts: hostsOf(listener), log() {} },
      visitor: () => ({ role: "operator" }),
    },
    {},
  );
  return (await serveConsole(app.fetch, { listener, log() {} })).url;
}

/** Remembers the ids of assertions in memory and refuses a repeated one. */
function acceptInMemory(): AcceptDelivery {
  const seen = new Set<string>();
  return (_, { jti }) => {
    if (seen.has(jti)) throw new Refusal("replayed", { jti });
    seen.add(jti);
  };
}
