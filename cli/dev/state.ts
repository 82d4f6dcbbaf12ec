// The files of `countersign dev`: two CAs, a server certificate, good and bad client certificates, keys, a policy. The private
// keys have no use on another machine. Nevertheless, only their owner can read them.

import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readCertificatesAsPem } from "../files/certificates.ts";
import { formatJson } from "../files/files.ts";
import { makeFolder, writeWhole } from "../files/write.ts";
import { create as createKeys } from "../keys.ts";
import { type CertificateRequest, CLIENT_AUTH, type Identity, issueCertificate, SERVER_AUTH } from "./authority.ts";

/** Paths of two PEM files: a client certificate with its intermediates, and its key. */
export interface ClientFiles {
  readonly certificate: string;
  readonly key: string;
}

/** The client certificates. The policy admits `good`. Each other certificate has exactly one fault. */
export const CLIENTS = ["good", "self-signed", "expired", "wrong-ca", "wrong-subject", "server-auth"] as const;
export type ClientName = (typeof CLIENTS)[number];

export interface DevelopmentState {
  readonly directory: string;
  /** The CA of the server's certificate, for curl's option `--cacert`. */
  readonly serverCa: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly clientCa: string;
  readonly clients: Readonly<Record<ClientName, ClientFiles>>;
  readonly keys: string;
  readonly policy: string;
}

export const DEVELOPMENT_ROUTE = "/hooks/example";
const SENDER = [{ C: ["US"] }, { O: ["Example Sender, Inc."] }, { CN: ["webhooks.sender.test"] }];
const DAY_MILLISECONDS = 86_400_000;
const RENEW_BEFORE_MILLISECONDS = 7 * DAY_MILLISECONDS;

/**
 * Opens the state in `directory`. Makes the keys if they are missing. Makes all certificates if a file is missing or if the server
 * certificate expires soon. @throws UsageError
 */
export async function openDevelopmentState(directory: string): Promise<DevelopmentState> {
  makeFolder(directory, 0o700);
  const file = (name: string) => join(directory, name);
  const state: DevelopmentState = {
    directory,
    serverCa: file("server-ca.pem"),
    serverCertificate: file("server.pem"),
    serverKey: file("server.key"),
    clientCa: file("client-ca.pem"),
    clients: Object.fromEntries(
      CLIENTS.map((name) => [name, { certificate: file(`client-${name}.pem`), key: file(`client-${name}.key`) }]),
    ) as Record<ClientName, ClientFiles>,
    keys: file("keys.json"),
    policy: file("policy.json"),
  };
  if (!isComplete(state)) await makeCertificates(state);
  if (!existsSync(state.keys)) await createKeys(state.keys);
  return state;
}

function isComplete(state: DevelopmentState): boolean {
  const files = [
    state.serverCa,
    state.serverKey,
    state.clientCa,
    state.policy,
    ...Object.values(state.clients).flatMap(({ certificate, key }) => [certificate, key]),
  ];
  if (!existsSync(state.serverCertificate) || !files.every(existsSync)) return false;
  const { validTo } = new X509Certificate(readCertificatesAsPem(state.serverCertificate)[0] ?? "");
  return Date.parse(validTo) - Date.now() > RENEW_BEFORE_MILLISECONDS;
}

async function makeCertificates(state: DevelopmentState): Promise<void> {
  const serverCa = await issueCertificate({
    subject: [{ CN: ["Countersign development server CA"] }],
    ca: { pathLength: 0 },
  });
  const server = await issueCertificate(
    {
      subject: [{ CN: ["localhost"] }],
      subjectAltNames: [
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ],
      extendedKeyUsage: [SERVER_AUTH],
    },
    serverCa,
  );
  writeWhole(state.serverCa, serverCa.pem);
  // The file also contains the CA certificate. Otherwise an origin that is started with this file would report an incomplete chain.
  writeWhole(state.serverCertificate, `${server.pem}\n${serverCa.pem}`);
  writeWhole(state.serverKey, server.keyPem, 0o600);
  const root = await makeClients(state);
  writeWhole(state.clientCa, root.pem);
  // The policy is written last. If a start is interrupted, the policy is missing, so the next start makes all files again.
  writeWhole(state.policy, formatJson(policyFor(root)));
}

/** Makes the client certificates, and returns the root CA of the good certificate. */
async function makeClients(state: DevelopmentState): Promise<Identity> {
  const root = await issueCertificate({
    subject: [{ O: ["Countersign development"] }, { CN: ["Development root CA"] }],
    ca: {},
  });
  const intermediate = await issueCertificate(
    { subject: [{ O: ["Countersign development"] }, { CN: ["Development issuing CA"] }], ca: { pathLength: 0 } },
    root,
  );
  const stranger = await issueCertificate({
    subject: [{ O: ["Somebody else"] }, { CN: ["Somebody else's root CA"] }],
    ca: {},
  });
  const requests: Readonly<Record<ClientName, readonly [CertificateRequest, Identity?]>> = {
    good: [{ subject: SENDER }, intermediate],
    "self-signed": [{ subject: SENDER }],
    expired: [{ subject: SENDER, notBefore: daysFromNow(-30), notAfter: daysFromNow(-1) }, intermediate],
    "wrong-ca": [{ subject: SENDER }, stranger],
    "wrong-subject": [
      { subject: [{ C: ["US"] }, { O: ["Another Customer, Inc."] }, { CN: ["webhooks.customer.test"] }] },
      intermediate,
    ],
    "server-auth": [{ subject: SENDER, extendedKeyUsage: [SERVER_AUTH] }, intermediate],
  };
  for (const name of CLIENTS) {
    const [request, issuer] = requests[name];
    const client = await issueCertificate({ extendedKeyUsage: [CLIENT_AUTH], ...request }, issuer);
    const { certificate, key } = state.clients[name];
    writeWhole(certificate, issuer === intermediate ? `${client.pem}\n${intermediate.pem}\n` : `${client.pem}\n`);
    writeWhole(key, client.keyPem, 0o600);
  }
  return root;
}

function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * DAY_MILLISECONDS);
}

function policyFor(root: Identity): unknown {
  return {
    anchors: { development: `${root.pem}\n` },
    senders: {
      example: {
        certificates: [{ subject: { CN: "webhooks.sender.test", O: "Example Sender, Inc." } }],
        trust: { anchors: ["development"] },
      },
    },
    routes: { [DEVELOPMENT_ROUTE]: { senders: ["example"], methods: ["POST"] } },
  };
}
