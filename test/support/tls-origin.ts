// Starts the origin with its own TLS listener in this process. A test can change everything that a reload replaces.

import { type Identity, issueCertificate, SERVER_AUTH } from "../../cli/dev/authority.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { createOriginApp } from "../../origin/app.ts";
import type { Inbox } from "../../origin/inbox/inbox.ts";
import { createTlsState, type TlsHostFiles } from "../../origin/node/tls/hosts.ts";
import { listenTls, type TlsDeadlines, type TlsListenerOptions } from "../../origin/node/tls/listener.ts";
import { crossCheckTlsPeer, readTlsPeer } from "../../origin/node/tls/peer.ts";
import { anchorsInUse } from "../../origin/node/tls/policy.ts";
import { loadSecrets } from "../../origin/secrets.ts";
import { LogLines } from "./log-lines.ts";
import { openTestInbox } from "./origin.ts";
import type { TlsServer } from "./tls-client.ts";

export const A = "a.example.com";
export const B = "b.example.com";

export interface ServerCertificates {
  /** The certificate of the CA, in PEM. */
  readonly ca: string;
  readonly hosts: readonly TlsHostFiles[];
}

/** Makes a CA for servers, and a certificate and key for each name. */
export async function issueServers(...names: readonly string[]): Promise<ServerCertificates> {
  const ca = await issueCertificate({ subject: [{ CN: ["Test Server CA"] }], ca: {} });
  const hosts = await Promise.all(names.map((name) => issueServer(ca, name)));
  return { ca: ca.pem, hosts };
}

export async function issueServer(ca: Identity, name: string): Promise<TlsHostFiles> {
  const { pem, keyPem } = await issueCertificate(
    {
      subject: [{ CN: [name] }],
      extendedKeyUsage: [SERVER_AUTH],
      subjectAltNames: [{ type: "dns", value: name }],
    },
    ca,
  );
  return { certificate: pem, key: keyPem };
}

export interface TlsOriginSetUp {
  readonly policy: PolicyDocument;
  readonly servers?: ServerCertificates;
  readonly clientCertificates?: TlsListenerOptions["clientCertificates"];
  /** The secrets that the policies name. */
  readonly secrets?: Readonly<Record<string, string>>;
  /** The clock of the origin's own checks, in Unix seconds. OpenSSL uses the real time instead. */
  readonly clock?: () => number;
  readonly deadlines?: TlsDeadlines;
}

export interface TestTlsOrigin {
  readonly lines: LogLines;
  readonly inbox: Inbox;
  readonly inboxFile: string;
  readonly port: number;
  /** Returns the listener for a sender that connects to it by this name. */
  at(name: string): TlsServer;
  /** Replaces the policy, as a reload does. */
  reload(policy: PolicyDocument): void;
}

export async function startTlsOrigin(stack: AsyncDisposableStack, setUp: TlsOriginSetUp): Promise<TestTlsOrigin> {
  const { clientCertificates = "request", clock, deadlines, servers = await issueServers(A, B), secrets = {} } = setUp;
  const lines = new LogLines();
  const { inbox, inboxFile } = openTestInbox(stack);
  const load = (document: PolicyDocument) => {
    const policy = compilePolicy(document);
    return {
      policy,
      secrets: loadSecrets(policy, (name) => secrets[name]),
      tls: createTlsState(servers.hosts, anchorsInUse(policy)),
    };
  };
  let current = load(setUp.policy);
  const app = createOriginApp({
    get policy() {
      return current.policy;
    },
    get secrets() {
      return current.secrets;
    },
    accept: inbox.accept,
    readCertificate: (_, environment) => readTlsPeer(environment),
    crossCheck: crossCheckTlsPeer,
    log: lines.push,
    ...(clock !== undefined && { clock }),
  });
  const server = await listenTls(app.fetch, {
    hostname: "127.0.0.1",
    port: 0,
    clientCertificates,
    state: () => current.tls,
    log: lines.push,
    ...(deadlines !== undefined && { deadlines }),
  });
  stack.defer(() => server.close());
  const port = Number(new URL(server.url).port);
  return {
    lines,
    inbox,
    inboxFile,
    port,
    at: (name) => ({ port, ca: servers.ca, name }),
    reload(document) {
      current = load(document);
    },
  };
}
