// The places where a stranger's requests arrive: the edge in workerd, the origin's TLS listener, and the origin's socket for a
// proxy. Each runs in a process of its own, whose CPU time is measured.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, type RequestOptions, request } from "node:http";
import { Agent as TlsAgent, request as tlsRequest } from "node:https";
import { join } from "node:path";
import { PLACEHOLDER } from "../../cli/cloudflare/tls-client-auth.ts";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../cli/dev/authority.ts";
import { generateSigningKey } from "../../core/assertion/keys.ts";
import { formatPem } from "../../core/x509/certificate.ts";
import { CF_HEADER, PROTO_HEADER, startWorker } from "../edge-bundle.ts";
import { AUDIENCE, HOST, ISSUER } from "../fixture.ts";
import { CONNECTIONS } from "../load.ts";
import { makeFolder, startServer } from "../processes.ts";
import type { HostileSettings } from "../servers/hostile.ts";
import type { World } from "./world.ts";

export interface SentRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** The client's certificates: as values of the RFC 9440 fields, and as PEM for a TLS handshake. */
  readonly certificates:
    | { readonly leaf: string; readonly chain: string; readonly pem: string; readonly key: string }
    | undefined;
}

export interface Place {
  readonly name: string;
  readonly pid: number;
  /** Resolves with the status of the response. */
  send(sent: SentRequest): Promise<number>;
}

export function startPlaces(world: World): Promise<Place[]> {
  return Promise.all([startEdge(world), startListener(world), startProxied(world)]);
}

async function startEdge({ policy, secrets }: World): Promise<Place> {
  const folder = makeFolder();
  const policyFile = join(folder, "policy.json");
  writeFileSync(policyFile, JSON.stringify(policy));
  const [origin, key] = await Promise.all([
    startServer("accept-all", {}),
    generateSigningKey(Math.floor(Date.now() / 1000)),
  ]);
  const bindings = {
    ...secrets,
    HOSTS: [HOST],
    ISSUER,
    AUDIENCE,
    ORIGIN_URL: origin.url,
    SIGNING_KEYS: JSON.stringify({ keys: [key] }),
  };
  const { pid, url } = await startWorker({ policyFile, bindings, folder: join(folder, "worker") });
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const { hostname, port } = new URL(url);
  const send = ({ certificates, ...sent }: SentRequest) => {
    const tlsClientAuth =
      certificates === undefined
        ? PLACEHOLDER
        : {
            ...PLACEHOLDER,
            certPresented: "1",
            certVerified: "FAILED:unable to get local issuer certificate",
            certRFC9440: certificates.leaf,
            certChainRFC9440: certificates.chain,
          };
    const headers = {
      ...sent.headers,
      host: HOST,
      [PROTO_HEADER]: "https",
      [CF_HEADER]: JSON.stringify({ tlsClientAuth }),
    };
    return exchange(request, { agent, hostname, port }, { ...sent, headers });
  };
  return { name: "edge", pid, send };
}

/**
 * Starts the origin's TLS listener. Each request with certificates makes its own handshake, because all certificates differ. Other
 * requests share connections.
 */
async function startListener(world: World): Promise<Place> {
  const { ca, server } = await issueServer();
  const { pid, url } = await start(world, { certificate: server.pem, key: server.keyPem });
  const agent = new TlsAgent({ keepAlive: true, maxSockets: CONNECTIONS, ca: ca.pem });
  const { port } = new URL(url);
  const send = ({ certificates, ...sent }: SentRequest) => {
    const own = certificates && { cert: certificates.pem, key: certificates.key, ca: ca.pem, agent: false as const };
    return exchange(tlsRequest, { agent, hostname: "localhost", port, ...own }, sent);
  };
  return { name: "listener", pid, send };
}

async function issueServer(): Promise<{ ca: Identity; server: Identity }> {
  const ca = await issueCertificate({ subject: [{ CN: ["Bench server CA"] }], ca: {} });
  const subjectAltNames = [{ type: "dns" as const, value: "localhost" }];
  const subject = [{ CN: ["localhost"] }];
  return { ca, server: await issueCertificate({ subject, subjectAltNames, extendedKeyUsage: [SERVER_AUTH] }, ca) };
}

async function startProxied(world: World): Promise<Place> {
  const socketPath = join(makeFolder(), "origin.sock");
  const { pid } = await start(world, socketPath);
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const send = ({ certificates, ...sent }: SentRequest) => {
    const fields = certificates && {
      "client-cert": certificates.leaf,
      ...(certificates.chain !== "" && { "client-cert-chain": certificates.chain }),
    };
    return exchange(request, { agent, socketPath }, { ...sent, headers: { ...sent.headers, ...fields } });
  };
  return { name: "proxy", pid, send };
}

function start({ policy, secrets }: World, listener: HostileSettings["listener"]) {
  return startServer("hostile", { policy, secrets, listener } satisfies HostileSettings);
}

function exchange(
  begin: typeof request,
  options: RequestOptions,
  { path, headers, body }: Omit<SentRequest, "certificates">,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const all = { "content-type": "application/json", ...headers, "content-length": body.byteLength };
  const onResponse = (response: IncomingMessage) => {
    response
      .resume()
      .once("end", () => resolve(response.statusCode ?? 0))
      .once("error", reject);
  };
  begin({ ...options, path, method: "POST", headers: all }, onResponse)
    .once("error", reject)
    .end(body);
  return promise;
}

const SETTLE_MILLISECONDS = 5;

/**
 * Returns the CPU time of the place for one request, in microseconds: the average over `requests`. Several requests are sent at the
 * same time.
 * @throws Error if a response has a wrong status
 */
export async function measureCost(
  place: Place,
  requests: readonly SentRequest[],
  isRight: (status: number) => boolean,
): Promise<number> {
  const before = readCpu(place.pid);
  let next = 0;
  const sendInTurn = async () => {
    for (let sent = requests[next++]; sent !== undefined; sent = requests[next++]) {
      const status = await place.send(sent);
      if (!isRight(status)) throw new Error(`${place.name}: ${status}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendInTurn));
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MILLISECONDS));
  return (readCpu(place.pid) - before) / requests.length;
}

const NANOSECONDS_PER_MICROSECOND = 1000;

/**
 * Reads the CPU time of all threads in microseconds, from schedstat. Other files of /proc count in ticks, which are too coarse for
 * single requests.
 */
function readCpu(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => {
    const [running] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return sum + Number(running) / NANOSECONDS_PER_MICROSECOND;
  }, 0);
}

export function pemOf(...certificates: readonly string[]): string {
  return certificates.map(formatPem).join("");
}
