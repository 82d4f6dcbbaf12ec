// Presents a CA certificate as a client certificate, as Efí does, to the deployed edge and to an origin with its own TLS listener.
// An entry with only a digest admits the CA certificate, but no certificate that the CA issued. An entry with a name does not admit
// the CA certificate, but admits a certificate with this name that the CA issued.

import "reflect-metadata";
import { KeyUsageFlags } from "@peculiar/x509";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import { publicJwk } from "../../core/assertion/keys.ts";
import type { LogLine } from "../../core/log-line.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { RefusalCode } from "../../core/refusal.ts";
import { parseCertificate } from "../../core/x509/certificate.ts";
import { readEvents, startTestOrigin } from "../support/origin.ts";
import { HOST } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { sendOnce } from "../support/tls-client.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { issueServers, startTlsOrigin } from "../support/tls-origin.ts";
import { startWorkerd } from "../support/workerd.ts";

const NAME = "webhook.psp.example";
const subject = [{ CN: [NAME] }];
/**
 * The sender signs TLS handshakes with the key of its CA certificate. So this certificate needs digitalSignature in addition to
 * keyCertSign.
 */
const CA = { ca: { pathLength: 0 }, keyUsage: KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature };

interface Client extends Identity {
  readonly issuers: readonly Identity[];
}

interface Place {
  send(target: string, client: Client): Promise<{ readonly status: number; readonly line: LogLine }>;
  stored(): number;
}

const stack = new AsyncDisposableStack();
const clients = {} as Record<"own" | "issued" | "namesake" | "signer", Client>;
const places = {} as Record<"edge" | "listener", Place>;

beforeAll(async () => {
  const root = await issueCertificate({ subject: [{ CN: ["PSP Root"] }], ca: {} });
  const pinned = await issueCertificate({ subject, ...CA }, root);
  clients.own = { ...pinned, issuers: [] };
  clients.issued = { ...(await issueCertificate({ subject }, pinned)), issuers: [pinned] };
  clients.namesake = { ...(await issueCertificate({ subject, ...CA }, root)), issuers: [] };
  clients.signer = { ...(await issueCertificate({ subject, ca: { pathLength: 0 } }, root)), issuers: [] };
  const policy = policyOf(root, pinned, clients.signer);
  await startEdge(policy);
  await startListener(policy);
});
afterAll(() => stack.disposeAsync());

function policyOf(root: Identity, pinned: Identity, signer: Identity): PolicyDocument {
  const { sha256, spkiSha256 } = parseCertificate(pinned.base64);
  const entries = {
    certificate: { sha256 },
    key: { spkiSha256 },
    name: { subject: `CN=${NAME}` },
    both: { sha256, subject: `CN=${NAME}` },
    signer: { sha256: parseCertificate(signer.base64).sha256 },
  };
  const names = Object.keys(entries);
  const trust = { anchors: ["root"] };
  return {
    anchors: { root: root.pem },
    senders: Object.fromEntries(
      Object.entries(entries).map(([name, entry]) => [name, { certificates: [entry], trust }]),
    ),
    routes: Object.fromEntries(names.map((name) => [`/${name}`, { senders: [name], methods: ["POST"] }])),
  };
}

async function startEdge(policy: PolicyDocument): Promise<void> {
  const key = await newSigningKey();
  const origin = await startTestOrigin(stack, { policy, keys: [publicJwk(key)] });
  const bindings = { SIGNING_KEYS: JSON.stringify({ keys: [key] }), ORIGIN_URL: origin.url };
  const { edge } = await startWorkerd(stack, policy, { edge: bindings });
  places.edge = {
    stored: () => readEvents(origin.inboxFile).length,
    async send(target, client) {
      const start = edge.lines.all.length;
      const { status } = await edge.send({
        target,
        method: "POST",
        body: "{}",
        tls: tlsClientAuth(client, client.issuers),
      });
      return { status, line: await edge.lines.with({ method: "POST" }, start) };
    },
  };
}

async function startListener(policy: PolicyDocument): Promise<void> {
  const listener = await startTlsOrigin(stack, { policy, servers: await issueServers(HOST) });
  places.listener = {
    stored: () => readEvents(listener.inboxFile).length,
    async send(target, { pem, keyPem, issuers }) {
      const start = listener.lines.all.length;
      const chain = [pem, ...issuers.map((issuer) => issuer.pem)].join("\n");
      const { status } = await sendOnce(
        listener.at(HOST),
        { pem: chain, keyPem },
        { target, method: "POST", body: "{}" },
      );
      return { status, line: await listener.lines.with({ method: "POST" }, start) };
    },
  };
}

const REFUSED: readonly (readonly [client: keyof typeof clients, target: string, code: RefusalCode])[] = [
  ["issued", "/certificate", "sender_not_allowed"],
  ["issued", "/key", "sender_not_allowed"],
  ["namesake", "/certificate", "certificate_is_ca"],
  ["namesake", "/key", "certificate_is_ca"],
  ["own", "/name", "certificate_is_ca"],
  ["own", "/both", "certificate_is_ca"],
  ["signer", "/signer", "wrong_key_usage"],
];

describe.each(["edge", "listener"] as const)("%s", (name) => {
  test.each(["/certificate", "/key"])("admits the CA certificate that %s pins", async (target) => {
    const before = places[name].stored();
    const { status, line } = await places[name].send(target, clients.own);
    expect(status).toBe(202);
    expect(line).toMatchObject({
      decision: expect.stringMatching(/^(?:accepted|forwarded)$/),
      sender: target.slice(1),
    });
    expect(places[name].stored()).toBe(before + 1);
  });

  test.each(REFUSED)("refuses %s at %s: %s", async (client, target, code) => {
    const before = places[name].stored();
    const { status, line } = await places[name].send(target, clients[client]);
    expect(status).toBe(403);
    expect(line).toMatchObject({ decision: "refused", code });
    expect(places[name].stored()).toBe(before);
  });

  test("admits a certificate that this CA issued by its name", async () => {
    const { status, line } = await places[name].send("/name", clients.issued);
    expect(status).toBe(202);
    expect(line).toMatchObject({ sender: "name" });
  });
});
