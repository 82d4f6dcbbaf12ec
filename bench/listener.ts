// Measures an origin that terminates TLS itself, next to nginx and Apache in front of an app. Each request uses TLS with the same
// client certificate, and only the name in this certificate is allowed. The proxies verify the chain to a CA and compare the CN, as
// their guides show. Our origin validates the path itself on each request. One subject is our listener with a Hono app that checks
// nothing. The difference between our origin and this subject is the cost of our checks. All subjects use the same TLS version,
// cipher and keys, log nothing, and forward only the event.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { issueCertificate, SERVER_AUTH } from "../cli/dev/authority.ts";
import { makeFixture, PATH } from "./fixture.ts";
import type { LoadedEvent, TlsClient } from "./load.ts";
import { freePort, makeFolder, startProgram, startServer } from "./processes.ts";
import { type Comparison, type Report, summarize, type Volume } from "./report.ts";
import { measureRounds, type Subject } from "./rounds.ts";
import type { BareSettings } from "./servers/node-https.ts";
import type { ListenerSettings } from "./servers/tls-listener.ts";

const NGINX = "/usr/sbin/nginx";
const APACHE = "/usr/sbin/apache2";
const KEPT_ALIVE: readonly Comparison[] = [
  { against: "node https, bare", ratio: 1.4 },
  { against: "hono, this listener" },
  { against: "nginx + hono", ratio: 0.85 },
  { against: "apache + hono", ratio: 0.45 },
];
const NEW_HANDSHAKES: readonly Comparison[] = [
  { against: "node https, bare", ratio: 1.4 },
  { against: "hono, this listener" },
  { against: "nginx + hono", ratio: 0.95 },
];
/**
 * If connections are kept alive, a round has this many times more events. Without a handshake, an event takes little CPU time. So
 * more events are needed, because Linux counts CPU time in hundredths of a second.
 */
const KEPT_ALIVE_FACTOR = 4;

interface Files {
  readonly folder: string;
  readonly certificate: string;
  readonly key: string;
  readonly root: string;
}

export async function benchListener(volume: Volume): Promise<Report[]> {
  const prepared = await prepareListener();
  const subjects = await startAll(prepared);
  return [
    await run("listener, kept-alive", volume, subjects, prepared, KEPT_ALIVE),
    await run(
      "listener, a handshake per event",
      volume,
      subjects,
      { ...prepared, client: { ...prepared.client, isKeptAlive: false } },
      NEW_HANDSHAKES,
    ),
  ];
}

/** The settings of the servers, and what a client needs to send an event to them. */
export interface PreparedListener {
  readonly settings: ListenerSettings;
  /** The CA of the client's certificate, in PEM. */
  readonly root: string;
  readonly client: TlsClient;
  readonly event: LoadedEvent;
}

export async function prepareListener(): Promise<PreparedListener> {
  const { policy, rootPem, clientPem, clientKeyPem, headers, body } = await makeFixture();
  const serverCa = await issueCertificate({ subject: [{ CN: ["Bench server CA"] }], ca: {} });
  const server = await issueCertificate(
    {
      subject: [{ CN: ["localhost"] }],
      subjectAltNames: [{ type: "dns", value: "localhost" }],
      extendedKeyUsage: [SERVER_AUTH],
    },
    serverCa,
  );
  return {
    settings: { policy, certificate: server.pem, key: server.keyPem },
    root: rootPem,
    client: { cert: clientPem, key: clientKeyPem, ca: serverCa.pem, isKeptAlive: true },
    // The header `Host` of the event must be the name of the server.
    event: { path: PATH, headers: { ...headers, host: "localhost" }, body },
  };
}

async function run(
  name: string,
  volume: Volume,
  subjects: readonly Subject[],
  { client, event }: PreparedListener,
  targets: readonly Comparison[],
): Promise<Report> {
  const eventsPerRound = volume.eventsPerRound * (client.isKeptAlive ? KEPT_ALIVE_FACTOR : 1);
  const measured = subjects.map((subject) => ({ ...subject, tls: client }));
  const samples = await measureRounds(measured, { ...volume, eventsPerRound }, (count) =>
    Array<LoadedEvent>(count).fill(event),
  );
  const running = new Set(subjects.map((subject) => subject.name));
  return summarize(
    name,
    { ...volume, eventsPerRound },
    samples,
    targets.filter(({ against }) => running.has(against)),
  );
}

/** The servers that run in one process of Node: the name, the module of bench/servers/, and its settings. */
export function nodeListeners({ settings, root }: PreparedListener) {
  const { certificate, key } = settings;
  return [
    ["countersign", "tls-listener", settings],
    ["hono, this listener", "tls-listener", { ...settings, judges: false } satisfies ListenerSettings],
    ["node https, bare", "node-https", { certificate, key, root } satisfies BareSettings],
  ] as const;
}

async function startAll(prepared: PreparedListener): Promise<Subject[]> {
  const { settings, root } = prepared;
  const { certificate, key } = settings;
  const subjects: Subject[] = [];
  for (const [name, module, own] of nodeListeners(prepared)) {
    const { pid, url } = await startServer(module, own);
    subjects.push({ name, pid, url: onLocalhost(url) });
  }
  const folder = makeFolder();
  const files: Files = {
    folder,
    certificate: join(folder, "server.pem"),
    key: join(folder, "server.key"),
    root: join(folder, "root.pem"),
  };
  writeFileSync(files.certificate, certificate);
  writeFileSync(files.key, key, { mode: 0o600 });
  writeFileSync(files.root, root);
  if (existsSync(NGINX))
    subjects.push(
      await startProxy("nginx + hono", NGINX, files, nginxConfiguration, (file) => ["-c", file, "-p", folder]),
    );
  if (existsSync(APACHE))
    subjects.push(
      await startProxy("apache + hono", APACHE, files, apacheConfiguration, (file) => ["-f", file, "-DFOREGROUND"]),
    );
  for (const missing of [NGINX, APACHE].filter((program) => !existsSync(program)))
    console.error(`${missing} is not installed: left out`);
  return subjects;
}

/** Replaces the address in the URL of a server by the name in the server's certificate. */
export function onLocalhost(url: string): string {
  return url.replace("127.0.0.1", "localhost");
}

async function startProxy(
  name: string,
  program: string,
  files: Files,
  configure: (files: Files, port: number, app: string) => string,
  argumentsFor: (file: string) => string[],
): Promise<Subject> {
  const app = await startServer("hono", {});
  const port = await freePort();
  const file = join(files.folder, `${name.split(" ")[0]}.conf`);
  writeFileSync(file, configure(files, port, app.url));
  const pid = await startProgram(program, argumentsFor(file), port);
  return { name, pid, helperPid: app.pid, url: `https://localhost:${port}` };
}

function nginxConfiguration({ folder, certificate, key, root }: Files, port: number, app: string): string {
  return `
daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null crit;
events { worker_connections 512; }
http {
  access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  keepalive_requests 1000000;
  map $ssl_client_s_dn $allowed { default 0; "~(^|,)CN=webhooks\\.example\\.net(,|$)" 1; }
  upstream app { server ${new URL(app).host}; keepalive 32; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port} ssl; server_name localhost;
    ssl_certificate ${certificate}; ssl_certificate_key ${key};
    ssl_client_certificate ${root}; ssl_verify_client on; ssl_verify_depth 4;
    ssl_session_tickets off; ssl_session_cache off; ssl_protocols TLSv1.2 TLSv1.3;
    location / {
      if ($allowed = 0) { return 403; }
      client_max_body_size 1m; client_body_buffer_size 64k;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Client-Cert $ssl_client_s_dn;
      proxy_pass http://app;
    }
  }
}
`;
}

function apacheConfiguration({ folder, certificate, key, root }: Files, port: number, app: string): string {
  const modules = ["mpm_event", "authz_core", "ssl", "proxy", "proxy_http", "headers"];
  return `
${modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join("\n")}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${folder}/apache.pid
DefaultRuntimeDir ${folder}
ErrorLog /dev/null
StartServers 1
ThreadsPerChild 32
MaxRequestWorkers 32
KeepAlive On
MaxKeepAliveRequests 0
SSLEngine On
SSLCertificateFile ${certificate}
SSLCertificateKeyFile ${key}
SSLCACertificateFile ${root}
SSLVerifyClient require
SSLVerifyDepth 10
SSLSessionTickets Off
SSLSessionCache none
<Location />
  Require expr "%{SSL_CLIENT_S_DN_CN} == 'webhooks.example.net'"
</Location>
RequestHeader set Client-Cert "expr=%{SSL_CLIENT_S_DN}"
ProxyPass / ${app}/
`;
}
