// Makes what the tests of proxies need: senders, an origin behind a proxy, and a client with or without a certificate.

import { writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { createOriginApp } from "../../../origin/app.ts";
import { forwardedFormat } from "../../../origin/forwarded/certificate.ts";
import { type ProxyServerOptions, readProxiedCertificate, serveProxy } from "../../../origin/node/proxy-server.ts";
import { LogLines } from "../../support/log-lines.ts";
import { openTestInbox } from "../../support/origin.ts";
import { ACME, createSenders, type Senders, subjectOf } from "../../support/senders.ts";

export const SERVER_NAME = "hooks.example.com";

/** A certificate with its intermediates, and the key of the certificate. */
export interface Client {
  readonly pem: string;
  readonly key: string;
  readonly base64: string;
}

export interface World {
  readonly senders: Senders;
  readonly server: Identity;
  /** The CA that issued the certificate `throughIntermediate`. The root certified this CA. */
  readonly intermediate: Identity;
  readonly clients: Readonly<
    Record<"good" | "throughIntermediate" | "wrongCa" | "expired" | "wrongSubject" | "large", Client>
  >;
}

export async function createWorld(): Promise<World> {
  const senders = await createSenders();
  const { root, acme, beta } = senders;
  const subject = subjectOf(ACME);
  const intermediate = await issueCertificate({ subject: subjectOf("intermediate"), ca: {} }, root);
  const otherRoot = await issueCertificate({ subject: root.certificate.subjectName.toJSON(), ca: {} });
  const rsa = {
    name: "RSASSA-PKCS1-v1_5",
    modulusLength: 4096,
    publicExponent: new Uint8Array([1, 0, 1]),
    hash: "SHA-256",
  };
  const largeIntermediate = await issueCertificate(
    { subject: subjectOf("large intermediate"), ca: {}, keyAlgorithm: rsa, subjectAltNames: manyNames(160) },
    root,
  );
  const client = (identity: Identity, ...chain: Identity[]): Client => ({
    pem: [identity, ...chain].map(({ pem }) => `${pem}\n`).join(""),
    key: identity.keyPem,
    base64: identity.base64,
  });
  return {
    senders,
    intermediate,
    server: await issueCertificate(
      {
        subject: subjectOf(SERVER_NAME),
        extendedKeyUsage: [SERVER_AUTH],
        subjectAltNames: [SERVER_NAME, "origin.example.com"].map((value) => ({ type: "dns", value })),
      },
      root,
    ),
    clients: {
      good: client(acme),
      throughIntermediate: client(await issueCertificate({ subject }, intermediate), intermediate),
      wrongCa: client(await issueCertificate({ subject }, otherRoot), otherRoot),
      expired: client(await issueCertificate({ subject, notAfter: new Date(Date.now() - 60_000) }, root)),
      wrongSubject: client(beta),
      large: client(
        await issueCertificate({ subject, subjectAltNames: manyNames(130) }, largeIntermediate),
        largeIntermediate,
        intermediate,
      ),
    },
  };
}

/** Returns this number of DNS names of about 45 octets each. */
function manyNames(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    type: "dns" as const,
    value: `name-number-${index}.of-a-large-certificate.example`,
  }));
}

/** Writes the server's certificate, its key and the CA into a directory. Returns their paths. */
export function writeServerFiles(directory: string, { server, senders }: World) {
  const files = {
    certificate: join(directory, "server.pem"),
    key: join(directory, "server.key"),
    ca: join(directory, "ca.pem"),
  };
  // HAProxy needs certificate and key in one file. nginx and Apache read the same file, and use the first PEM block of the kind
  // that they need.
  writeFileSync(files.certificate, `${server.pem}\n${server.keyPem}\n`);
  writeFileSync(files.key, `${server.keyPem}\n`);
  writeFileSync(files.ca, `${senders.root.pem}\n`);
  return files;
}

export async function startOrigin(
  stack: AsyncDisposableStack,
  { senders }: { readonly senders: Pick<Senders, "policy"> },
  format: string,
  listener: ProxyServerOptions["listener"],
) {
  const lines = new LogLines();
  const { inbox, inboxFile } = openTestInbox(stack);
  const app = createOriginApp({
    policy: compilePolicy(senders.policy),
    accept: inbox.accept,
    readCertificate: readProxiedCertificate(forwardedFormat(format)),
    log: lines.push,
  });
  const server = await serveProxy(app.fetch, { listener, log: lines.push });
  stack.defer(() => server.close());
  return { url: server.url, lines, inboxFile };
}

export interface Answer {
  readonly status: number;
  readonly body: string;
  /** The decision id in the origin's problem document. Undefined if the proxy itself responded. */
  readonly decision: string | undefined;
}

/** Sends a POST on its own connection. @throws Error if the handshake fails */
export async function post(
  port: number,
  { senders }: World,
  client: Client | undefined,
  { target = "/hooks/acme", headers = [] }: { target?: string; headers?: readonly (readonly [string, string])[] } = {},
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      host: "127.0.0.1",
      port,
      servername: SERVER_NAME,
      ca: senders.root.pem,
      ...(client !== undefined && { cert: client.pem, key: client.key }),
      method: "POST",
      path: target,
      headers: [
        ["Host", SERVER_NAME],
        ["Content-Type", "application/json"],
        ["Content-Length", "2"],
        ...headers,
      ].flat(),
      agent: false,
    });
    outgoing.once("error", reject);
    outgoing.once("response", (incoming) => {
      buffer(incoming).then((bytes) => {
        const body = bytes.toString();
        const decision = /"decision":"([^"]+)"/.exec(body)?.[1];
        resolve({ status: incoming.statusCode ?? 0, body, decision });
      }, reject);
    });
    outgoing.end("{}");
  });
}
