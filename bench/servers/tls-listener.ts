// An origin that terminates TLS itself, without an inbox: our listener and our middleware. If `judges` is false, it runs the app
// that also runs behind the proxies, instead of the middleware.

import { Hono } from "hono";
import { compilePolicy } from "../../core/policy/compile.ts";
import { authenticate } from "../../origin/authenticate.ts";
import { createTlsState } from "../../origin/node/tls/hosts.ts";
import { listenTls } from "../../origin/node/tls/listener.ts";
import { crossCheckTlsPeer, readTlsPeer } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { announce } from "./announce.ts";
import { answeringApp } from "./answering-app.ts";

export interface ListenerSettings {
  readonly policy: object;
  readonly certificate: string;
  readonly key: string;
  /** If true, our middleware judges each request. The default is true. */
  readonly judges?: boolean;
}

const { policy, certificate, key, judges = true } = JSON.parse(process.argv[2] ?? "") as ListenerSettings;
const compiled = compilePolicy(policy);
const log = () => undefined;

const app = judges ? judgingApp() : answeringApp();
const state = createTlsState([{ certificate, key }], anchorsInUse(compiled));
const { url } = await listenTls(app.fetch, {
  hostname: "127.0.0.1",
  port: 0,
  clientCertificates: "require",
  state: () => state,
  log,
});
announce(url);

function judgingApp(): Hono {
  const guard = authenticate({
    servesEveryRoute: true,
    policy: compiled,
    readCertificate: (_, environment) => readTlsPeer(environment),
    crossCheck: crossCheckTlsPeer,
    // Events are not stored, because the app behind the proxies stores none. Keeping ids in memory would only add garbage
    // collection.
    accept: () => undefined,
    log,
  });
  const app = new Hono();
  app.all("*", guard, (c) => c.json({ event: c.var.delivery.id }, 202));
  return app;
}
