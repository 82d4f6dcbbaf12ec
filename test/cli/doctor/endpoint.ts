// An endpoint that receives events, for tests of `countersign doctor`. It uses TLS, asks for a client certificate, and serves one
// host. It is correct unless a test gives it a fault.

import { once } from "node:events";
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { createSecureContext, type SecureContextOptions, type TLSSocket } from "node:tls";
import { type CertificateRequest, type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import type { Subject, SubjectOptions } from "../../../cli/doctor/subject.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { type Policy, selectRoute } from "../../../core/policy/policy.ts";
import { PROBLEMS, type Problem } from "../../../core/refusal.ts";
import { createSenders, type Senders } from "../../support/senders.ts";

const PATH = "/hooks/acme";
const CLIENT_NAME = "localhost";

/** The senders, the policy and the server CA of all endpoints of a suite. */
export interface World {
  readonly senders: Senders;
  readonly policy: Policy;
  readonly serverCa: Identity;
}

export async function createWorld(): Promise<World> {
  const senders = await createSenders();
  const serverCa = await issueCertificate({ subject: [{ CN: ["Test Server CA"] }], ca: {} });
  return { senders, policy: compilePolicy(senders.policy), serverCa };
}

export function issueServer(
  { serverCa }: World,
  request: Partial<CertificateRequest> = {},
  issuer: Identity | undefined = serverCa,
) {
  return issueCertificate(
    {
      subject: [{ CN: [CLIENT_NAME] }],
      extendedKeyUsage: [SERVER_AUTH],
      subjectAltNames: [{ type: "dns", value: CLIENT_NAME }],
      ...request,
    },
    issuer,
  );
}

export type Respond = (request: IncomingMessage, response: ServerResponse, rightly: () => void) => void;

export interface Faults {
  readonly server?: Identity;
  /** The certificates that the server sends after its own certificate. */
  readonly intermediates?: readonly Identity[];
  readonly tls?: Partial<SecureContextOptions>;
  readonly isAsking?: boolean;
  /** The CAs, in PEM, that the server names when it asks for a certificate. */
  readonly named?: readonly string[];
  readonly servesEveryName?: boolean;
  /** Answers a request. The parameter `rightly` is a function that answers it as a correct receiver does. */
  readonly respond?: Respond;
}

/** True if the request is for the endpoint's own host, written without a dot at the end. */
export function isForOwnHost({ headers: { host } }: IncomingMessage): boolean {
  return host?.startsWith(`${CLIENT_NAME}:`) === true;
}

export function hasCertificate({ socket }: IncomingMessage): boolean {
  return Object.keys((socket as TLSSocket).getPeerCertificate()).length > 0;
}

export function refuse(response: ServerResponse, problem: Problem): void {
  response.writeHead(PROBLEMS[problem].status, { "content-type": "application/problem+json" });
  response.end(JSON.stringify({ type: `urn:countersign:problem:${problem}` }));
}

/** Answers as a correct receiver does: 202 if the client presents the sender's certificate, and otherwise a refusal. */
const respondRightly =
  (port: () => number): RequestListener =>
  (request, response) => {
    if (request.headers.host !== `${CLIENT_NAME}:${port()}`) return refuse(response, "unknown-host");
    if (request.url === "/.well-known/jwks.json") return refuse(response, "not-found");
    if (request.url !== PATH) return refuse(response, "not-found");
    if (!hasCertificate(request)) return refuse(response, "no-client-certificate");
    if (!(request.socket as TLSSocket).authorized) return refuse(response, "certificate-not-proven");
    response.writeHead(202).end();
  };

/** Starts the endpoint on the loopback address. The endpoint stops when the stack is disposed. @returns its port */
export async function startEndpoint(stack: AsyncDisposableStack, world: World, faults: Faults = {}): Promise<number> {
  const {
    server: own = await issueServer(world),
    intermediates = [],
    tls = {},
    isAsking = true,
    servesEveryName,
  } = faults;
  let port = 0;
  const context = {
    cert: [own, ...intermediates].map(({ pem }) => pem).join("\n"),
    key: own.keyPem,
    ca: [...(faults.named ?? [world.senders.root.pem])],
    ...tls,
  };
  const server = createServer({
    ...context,
    requestCert: isAsking,
    rejectUnauthorized: false,
    SNICallback: (name, done) => {
      if (name === CLIENT_NAME || servesEveryName) done(null, createSecureContext(context));
      else done(new Error("unrecognized name"));
    },
  });
  const respond = respondRightly(() => port);
  const { respond: wrongly = respond } = faults;
  server.on("request", (request, response) => wrongly(request, response, () => respond(request, response)));
  server.on("tlsClientError", () => {});
  port = await listen(stack, server);
  return port;
}

/** Starts a server with plain HTTP on the loopback address. @returns its port */
export async function startPlain(stack: AsyncDisposableStack, respond: RequestListener): Promise<number> {
  return await listen(stack, createHttpServer(respond));
}

export async function listen(stack: AsyncDisposableStack, server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  stack.defer(() => {
    server.close();
    (server as Partial<ReturnType<typeof createHttpServer>>).closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

/** A port on which no program listens. */
export const CLOSED_PORT = 1;

export function subjectAt(
  port: number,
  { policy, serverCa }: World,
  more: Partial<Omit<Subject, "options">> & { options?: Partial<SubjectOptions> } = {},
): Subject {
  return {
    url: new URL(`https://${CLIENT_NAME}:${port}${PATH}`),
    port,
    serverCa: serverCa.pem,
    identity: undefined,
    signature: {},
    policy,
    route: selectRoute(policy, PATH, "POST"),
    ...more,
    options: {
      ...{ httpPort: CLOSED_PORT, also: [], origin: undefined, jwks: undefined, pinned: undefined, log: undefined },
      ...more.options,
    },
  };
}
