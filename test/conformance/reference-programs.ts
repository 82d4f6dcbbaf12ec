// Runs Apache and nginx from the Linux distribution, configured as in Docusign's guides for Connect: with the root as CA file, a
// required certificate, a depth of 10, and a comparison of the subject's CN.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { TlsHostFiles } from "../../origin/node/tls/hosts.ts";
import { freePort } from "../support/free-port.ts";
import { proxyDirectory, startProgram } from "../system/proxy/programs.ts";
import { CLIENT } from "./corpus.ts";

export type ReferenceProgram = "nginx" | "apache2";

/** A virtual host. There is one for each route of the policy. */
interface Site {
  readonly name: string;
  readonly caFile: string;
  readonly depth: number;
}

export interface Reference {
  readonly port: number;
  /** Returns the host name for a route. */
  nameOf(route: string): string;
}

const GUIDE_DEPTH = 10;

export async function startReference(
  stack: AsyncDisposableStack,
  program: ReferenceProgram,
  policy: PolicyDocument,
  { certificate, key }: TlsHostFiles,
): Promise<Reference> {
  const { directory } = proxyDirectory(stack);
  const files = { certificate: join(directory, "server.pem"), key: join(directory, "server.key"), directory };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key);
  mkdirSync(join(directory, "sites"));
  writeFileSync(join(directory, "sites/event"), "accepted\n");
  const port = await freePort();
  const sites = Object.keys(policy.routes).map((route) => siteOf(policy, route, directory));
  const snippet = sites.map((site) => SITES[program](site, files, port)).join("\n");
  await startProgram(stack, { program, snippet, directory, port });
  return { port, nameOf };
}

const nameOf = (route: string) => `${route.replaceAll("/", "-").slice(1)}.example.com`;

/**
 * Returns the virtual host for a route. The virtual host trusts the anchors of all senders of the route. Its depth is that of the
 * route's first sender, or the depth in Docusign's guides if this sender has none.
 */
function siteOf({ anchors, senders, routes }: PolicyDocument, route: string, directory: string): Site {
  const trusts = (routes[route]?.senders ?? []).map((sender) => senders[sender]?.trust);
  const names = new Set(trusts.flatMap((trust) => trust?.anchors ?? []));
  const pem = [...names].map((name) => `${anchors?.[name]}\n`).join("");
  const caFile = join(directory, `${nameOf(route)}.pem`);
  writeFileSync(caFile, pem);
  return { name: nameOf(route), caFile, depth: trusts[0]?.maxChainDepth ?? GUIDE_DEPTH };
}

type Files = { readonly certificate: string; readonly key: string; readonly directory: string };

const SITES: Readonly<Record<ReferenceProgram, (site: Site, files: Files, port: number) => string>> = {
  nginx: ({ name, caFile, depth }, { certificate, key }, port) => `
server {
  listen 127.0.0.1:${port} ssl;
  server_name ${name};
  ssl_certificate ${certificate};
  ssl_certificate_key ${key};
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_client_certificate ${caFile};
  ssl_verify_client on;
  ssl_verify_depth ${depth};
  # As senders print it.
  if ($ssl_client_s_dn !~ "CN=${CLIENT}") {
    return 403;
  }
  return 204;
}`,
  apache2: ({ name, caFile, depth }, { certificate, key, directory }, port) => `
<VirtualHost 127.0.0.1:${port}>
  ServerName ${name}
  DocumentRoot ${directory}/sites
  SSLEngine on
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  SSLCertificateFile ${certificate}
  SSLCertificateKeyFile ${key}
  SSLCACertificateFile ${caFile}
  SSLVerifyClient require
  SSLVerifyDepth ${depth}
  <Location "/">
    Require expr "%{SSL_CLIENT_S_DN_CN} == '${CLIENT}'"
  </Location>
</VirtualHost>`,
};
