// An origin without an edge, with its own TLS listener or a socket for a proxy. Log lines are formatted, but not printed.

import { importSecrets } from "../../core/admission/secrets.ts";
import { formatLogLine } from "../../core/log-line.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { createOriginApp } from "../../origin/app.ts";
import { forwardedFormat } from "../../origin/forwarded/certificate.ts";
import { readProxiedCertificate, serveProxy } from "../../origin/node/proxy-server.ts";
import { createTlsState } from "../../origin/node/tls/hosts.ts";
import { listenTls } from "../../origin/node/tls/listener.ts";
import { crossCheckTlsPeer, readTlsPeer } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { announce } from "./announce.ts";

export interface HostileSettings {
  readonly policy: object;
  readonly secrets: Readonly<Record<string, string>>;
  /** The path of a proxy's socket, or a certificate and its key for the TLS listener. */
  readonly listener: string | { readonly certificate: string; readonly key: string };
}

const { policy: document, secrets, listener } = JSON.parse(process.argv[2] ?? "") as HostileSettings;
const policy = compilePolicy(document);
const options = {
  policy,
  secrets: importSecrets(policy, (name) => secrets[name]),
  accept: () => undefined,
  log: formatLogLine,
};
const log = () => undefined;

if (typeof listener === "string") {
  const app = createOriginApp({ ...options, readCertificate: readProxiedCertificate(forwardedFormat("rfc9440")) });
  const { url } = await serveProxy(app.fetch, { listener: { socket: listener, mode: 0o600 }, log });
  announce(url);
} else {
  const readCertificate = (_: Request, environment: unknown) => readTlsPeer(environment);
  const app = createOriginApp({ ...options, readCertificate, crossCheck: crossCheckTlsPeer });
  const state = createTlsState([listener], anchorsInUse(policy));
  const tls = { hostname: "127.0.0.1", port: 0, clientCertificates: "request", state: () => state, log } as const;
  const { url } = await listenTls(app.fetch, tls);
  announce(url);
}
