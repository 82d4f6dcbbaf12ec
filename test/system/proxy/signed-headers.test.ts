// Runs nginx, Apache and HAProxy between edge and origin. Each of them changes some headers, but must not change the signed ones.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { freePort } from "../../support/free-port.ts";
import { type Hop, startEdgeHopOrigin } from "../../support/hop.ts";
import { exchange, type HeaderList } from "../../support/http.ts";
import { type Program, proxyDirectory, reasonToSkip, startProgram } from "./programs.ts";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

const NAME = "origin.example.com";

/** Configurations of a reverse proxy that only adds TLS in front of the origin. */
const SNIPPETS: Readonly<Record<Program, (port: number, origin: string, pem: string) => string>> = {
  nginx: (port, origin, pem) => `server {
  listen 127.0.0.1:${port} ssl;
  ssl_certificate ${pem};
  ssl_certificate_key ${pem};
  location / { proxy_pass ${origin}; proxy_http_version 1.1; }
}`,
  apache2: (port, origin, pem) => `<VirtualHost 127.0.0.1:${port}>
  SSLEngine on
  SSLCertificateFile ${pem}
  ProxyPass / ${origin}/
</VirtualHost>`,
  haproxy: (port, origin, pem) => `defaults
  mode http
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend edge
  bind 127.0.0.1:${port} ssl crt ${pem}
  default_backend origin
backend origin
  server origin ${new URL(origin).host}
`,
};

const SENT: HeaderList = [
  ["Content-Type", "application/json"],
  ["User-Agent", "quill/1.0"],
  ["X-Quill-Topic", "orders"],
  ["X-Quill-Tags", "new, paid ,\trefunded"],
  ["X-Quill-Note", ""],
  ["X-Quill-Event", "event-1"],
];

describe.each(["nginx", "apache2", "haproxy"] as const)("%s between edge and origin", (program) => {
  let world: Awaited<ReturnType<typeof startEdgeHopOrigin>>;
  let server: Identity;
  let proxy: Hop;
  const reason = reasonToSkip(program);

  beforeAll(async () => {
    if (reason !== undefined) return;
    world = await startEdgeHopOrigin(stack);
    server = await issueCertificate({
      subject: [{ CN: [NAME] }],
      extendedKeyUsage: [SERVER_AUTH],
      subjectAltNames: [{ type: "dns", value: NAME }],
    });
    const { directory } = proxyDirectory(stack);
    const pem = join(directory, "server.pem");
    writeFileSync(pem, `${server.pem}\n${server.keyPem}\n`);
    const port = await freePort();
    await startProgram(stack, { program, snippet: SNIPPETS[program](port, world.origin.url, pem), directory, port });
    proxy = ({ method, target, headers, body }) => {
      const others = headers.filter(([name]) => !/^(host|content-length)$/i.test(name));
      const url = `https://127.0.0.1:${port}`;
      return exchange({
        url,
        method,
        target,
        headers: others,
        body,
        host: NAME,
        server: { ca: server.pem, name: NAME },
      });
    };
  });

  test.skipIf(reason !== undefined)("the handler gets what the sender sent", async () => {
    const { status, line, delivered } = await world.send(SENT, proxy);
    expect(status, JSON.stringify(line)).toBe(202);
    expect(delivered?.headers).toEqual(SENT.map(([name, value]) => [name.toLowerCase(), value]));
  });

  test.skipIf(reason !== undefined)("headers that the proxy adds are not given to the handler", async () => {
    const { status, line, delivered } = await world.send(SENT.slice(0, 1), proxy);
    expect(status, JSON.stringify(line)).toBe(202);
    expect(delivered?.headers).toEqual([["content-type", "application/json"]]);
  });
});
