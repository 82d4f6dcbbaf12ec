// Runs the deployed edge: workerd serves the bundle of `wrangler deploy`, with real sockets on both sides.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { issueCertificate, SERVER_AUTH } from "../../cli/dev/authority.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { askShared } from "./ask-shared.ts";
import { exchange, type HeaderList, type RawAnswer, type RawRequest } from "./http.ts";
import { LogLines } from "./log-lines.ts";
import { AUDIENCE, HOST, ISSUER } from "./senders.ts";
import { POLICY_PLACE, type SharedBundle } from "./shared.ts";
import { temporaryDirectory } from "./temporary.ts";
import type { TlsClientAuth } from "./tls-client-auth.ts";

/**
 * The header in which a test sends `request.cf`. It is not the header of wrangler's harness, because a deployed worker must treat
 * that header as an ordinary one.
 */
export const CF_HEADER = "Test-Cf";

/** Bindings by name. An undefined binding is left out. */
export type Bindings = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface EdgeRequest extends Omit<RawRequest, "url" | "server"> {
  readonly tls?: TlsClientAuth | null;
  readonly isPlainHttp?: boolean;
}

export interface DeployedEdge {
  readonly lines: LogLines;
  /** The port of the TLS socket and the CA of its certificate, for connections that `send` cannot make. */
  readonly port: number;
  readonly ca: string;
  /** The id of the runtime's process. The process serves all edges of one call of `startWorkerd`. */
  readonly pid: number;
  send(request: EdgeRequest): Promise<RawAnswer>;
}

/** Copies the shared bundle, and puts this policy in place of POLICY_PLACE. */
async function bundleWith(stack: AsyncDisposableStack, policy: PolicyDocument) {
  const bundle = await askShared("bundle");
  const parts = readFileSync(join(bundle.directory, "index.js"), "utf8").split(JSON.stringify(POLICY_PLACE));
  if (parts.length !== 2) throw new Error(`the bundle has ${parts.length - 1} places of a policy`);
  const directory = temporaryDirectory(stack);
  writeFileSync(join(directory, "index.js"), parts.join(JSON.stringify(policy)));
  return { ...bundle, directory };
}

/** Starts one workerd with an edge for each set of bindings. HOSTS, ISSUER and AUDIENCE have default values. */
export async function startWorkerd<Name extends string>(
  stack: AsyncDisposableStack,
  policy: PolicyDocument,
  edges: Readonly<Record<Name, Bindings>>,
): Promise<Record<Name, DeployedEdge>> {
  const bundle = await bundleWith(stack, policy);
  const server = await issueCertificate({
    subject: [{ CN: [HOST] }],
    extendedKeyUsage: [SERVER_AUTH],
    subjectAltNames: [{ type: "dns", value: HOST }],
  });
  const names = Object.keys(edges) as Name[];
  const config = join(bundle.directory, "config.capnp");
  writeFileSync(
    config,
    formatConfig(
      bundle,
      names.map((name) => [name, { HOSTS: [HOST], ISSUER, AUDIENCE, ...(edges[name] as Bindings) }]),
      server,
    ),
  );
  const lines = new LogLines();
  const { ports, pid } = await runWorkerd(stack, config, names.length * 2, lines);
  const port = (socket: string) => ports.get(socket) ?? 0;
  return Object.fromEntries(
    names.map((name): [string, DeployedEdge] => [
      name,
      {
        lines,
        port: port(`${name}-https`),
        ca: server.pem,
        pid,
        send({ tls, isPlainHttp = false, headers = [], ...request }) {
          const cf: HeaderList =
            tls === undefined ? [] : [[CF_HEADER, inAscii(JSON.stringify({ tlsClientAuth: tls }))]];
          const url = isPlainHttp
            ? `http://127.0.0.1:${port(`${name}-http`)}`
            : `https://127.0.0.1:${port(`${name}-https`)}`;
          const target = request.target ?? "/hooks/acme";
          return exchange({
            host: HOST,
            ...request,
            url,
            target,
            server: { ca: server.pem, name: HOST },
            headers: [...cf, ...headers],
          });
        },
      },
    ]),
  ) as Record<Name, DeployedEdge>;
}

/** Writes JSON in ASCII. Other characters are written as escapes, because a header cannot contain them. */
function inAscii(json: string): string {
  return json.replace(/[^\u0020-\u007e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

async function runWorkerd(stack: AsyncDisposableStack, config: string, sockets: number, lines: LogLines) {
  const binary = createRequire(import.meta.url)("workerd") as { default: string };
  const child = spawn(binary.default, ["serve", config, "--control-fd=3"], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  const closed = once(child, "close");
  stack.defer(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  let errors = "";
  createInterface(child.stdout as Readable).on("line", (line) => lines.push(JSON.parse(line) as LogLine));
  // stderr contains the lines of console.warn and console.error, and the messages of the runtime itself.
  createInterface(child.stderr as Readable).on("line", (text) => {
    if (text.startsWith("{")) lines.push(JSON.parse(text) as LogLine);
    else errors += `${text}\n`;
  });
  const ports = new Map<string, number>();
  for await (const line of createInterface(child.stdio[3] as Readable)) {
    const { socket, port } = JSON.parse(line) as { socket: string; port: number };
    ports.set(socket, port);
    if (ports.size === sockets) return { ports, pid: child.pid ?? 0 };
  }
  // Waits, because more of stderr may arrive after the end of the control pipe.
  await closed;
  throw new Error(`workerd ended: ${errors}`);
}

/** Writes a configuration as Cap'n Proto text. Its strings are written as JSON strings. */
function formatConfig(
  { compatibilityDate, compatibilityFlags }: SharedBundle,
  edges: readonly (readonly [string, Bindings])[],
  tls: { keyPem: string; pem: string },
): string {
  const quote = (value: unknown) => JSON.stringify(value);
  const binding = ([name, value]: [string, Bindings[string]]) =>
    typeof value === "string"
      ? `(name = ${quote(name)}, text = ${quote(value)})`
      : `(name = ${quote(name)}, json = ${quote(quote(value))})`;
  const bindings = (set: Bindings) =>
    Object.entries(set)
      .filter(([, value]) => value !== undefined)
      .map(binding);
  const services = edges.map(
    ([name, set]) => `(name = ${quote(name)}, worker = (
      modules = [(name = "index.js", esModule = embed "index.js")],
      compatibilityDate = ${quote(compatibilityDate)}, compatibilityFlags = ${quote(compatibilityFlags)},
      bindings = [${bindings(set).join(", ")}]))`,
  );
  const keypair = `(privateKey = ${quote(tls.keyPem)}, certificateChain = ${quote(tls.pem)})`;
  const sockets = edges.flatMap(([name]) => [
    `(name = "${name}-https", address = "127.0.0.1:0", service = "${name}",
      https = (options = (cfBlobHeader = "${CF_HEADER}"), tlsOptions = (keypair = ${keypair})))`,
    `(name = "${name}-http", address = "127.0.0.1:0", service = "${name}", http = (cfBlobHeader = "${CF_HEADER}"))`,
  ]);
  const network = `(name = "internet", network = (allow = ["public", "private"]))`;
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [${[...services, network].join(",\n")}], sockets = [${sockets.join(",\n")}]);
`;
}
