// Tests the origin's own TLS listener, in both modes (`request` and `require`) and with both TLS versions (1.2 and 1.3): which
// clients are served, as which sender, and under which host name.

import { X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CertificateRequest,
  type Identity,
  issueCertificate,
  SERVER_AUTH,
} from "../../../../cli/dev/authority.ts";
import type { RefusalCode } from "../../../../core/refusal.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../../support/senders.ts";
import { temporaryDirectory } from "../../../support/temporary.ts";
import { type ClientPem, opensslClient, sendInVain, sendOnce, sendStrictly } from "../../../support/tls-client.ts";
import { A, B, issueServers, startTlsOrigin, type TestTlsOrigin } from "../../../support/tls-origin.ts";

const stack = new AsyncDisposableStack();
const VERSIONS = ["TLSv1.2", "TLSv1.3"] as const;
const only = (version: (typeof VERSIONS)[number]) => ({ minVersion: version, maxVersion: version });
const DAY_MILLISECONDS = 86_400_000;

let senders: Senders;
let clients: Readonly<Record<string, ClientPem>>;
let asking: TestTlsOrigin;
let requiring: TestTlsOrigin;
let issuing: Identity;

beforeAll(async () => {
  senders = await createSenders();
  clients = await issueClients(senders);
  const stranger = await issueCertificate({ subject: subjectOf(`${MARKER} Unused`), ca: {} });
  // The policy has two more anchors. The anchor `unrouted` belongs to a sender without a route. No sender uses the anchor `unused`.
  const policy = {
    ...senders.policy,
    anchors: { ...senders.policy.anchors, unrouted: stranger.pem, unused: stranger.pem },
    senders: {
      ...senders.policy.senders,
      unrouted: { certificates: [{ subject: { CN: "x" } }], trust: { anchors: ["unrouted"] } },
    },
  };
  const servers = await issueServers(A, B);
  asking = await startTlsOrigin(stack, { policy, servers });
  requiring = await startTlsOrigin(stack, { policy, servers, clientCertificates: "require" });
});
afterAll(() => stack.disposeAsync());

async function issueClients({ root, acme, beta }: Senders): Promise<Record<string, ClientPem>> {
  const leaf = (request: Partial<CertificateRequest> = {}, issuer: Identity | null = root) =>
    issueCertificate({ subject: subjectOf(ACME), ...request }, issuer ?? undefined);
  issuing = await issueCertificate({ subject: subjectOf(`${MARKER} Issuing`), ca: {} }, root);
  const stranger = await issueCertificate({ subject: subjectOf(`${MARKER} Stranger`), ca: {} });
  const below = await leaf({}, issuing);
  const strangers = await leaf({}, stranger);
  const past = { notBefore: new Date(Date.now() - 2 * DAY_MILLISECONDS), notAfter: new Date(Date.now() - 1000) };
  return {
    acme,
    beta,
    below: { pem: `${below.pem}\n${issuing.pem}`, keyPem: below.keyPem },
    withoutIntermediate: below,
    expired: await leaf(past),
    early: await leaf({ notBefore: new Date(Date.now() + DAY_MILLISECONDS) }),
    strangers: { pem: `${strangers.pem}\n${stranger.pem}`, keyPem: strangers.keyPem },
    selfSigned: await leaf({}, null),
    serverAuth: await leaf({ extendedKeyUsage: [SERVER_AUTH] }),
    ca: await leaf({ ca: {} }),
  };
}

const JUDGED: readonly (readonly [client: string, code: RefusalCode | "accepted"])[] = [
  ["acme", "accepted"],
  ["below", "accepted"],
  ["withoutIntermediate", "issuer_unknown"],
  ["beta", "sender_not_allowed"],
  ["expired", "certificate_expired"],
  ["early", "certificate_not_yet_valid"],
  ["strangers", "issuer_unknown"],
  ["selfSigned", "issuer_unknown"],
  ["serverAuth", "wrong_extended_key_usage"],
  ["ca", "certificate_is_ca"],
  ["none", "no_certificate"],
];
/**
 * The clients whose certificates OpenSSL verifies. `beta` is one of them, because OpenSSL does not know which senders the policy
 * allows.
 */
const VERIFIED = new Set(["acme", "below", "beta"]);

describe.each(VERSIONS)("over %s", (version) => {
  test.each(JUDGED)("`request` answers %s: %s", async (client, expected) => {
    const answer = await sendOnce(asking.at(A), clients[client], {}, only(version));
    expect(answer.socket.getProtocol() ?? version).toBe(version);
    if (expected === "accepted") {
      const { event } = JSON.parse(answer.body.toString());
      expect(answer.status).toBe(202);
      expect(await asking.lines.of(event)).toMatchObject({ decision: "accepted", sender: ACME });
    } else {
      expect(answer.status).toBe(403);
      expect(await asking.lines.of(answer.problem.decision)).toMatchObject({ decision: "refused", code: expected });
    }
  });

  test.each(JUDGED)("`require` answers %s only if OpenSSL verified it", async (client) => {
    if (VERIFIED.has(client)) {
      const answer = await sendOnce(requiring.at(A), clients[client], {}, only(version));
      expect(answer.status).toBe(client === "beta" ? 403 : 202);
    } else {
      await sendInVain(requiring.at(A), clients[client], {}, only(version));
      const { status, text } = await opensslClient(requiring.at(A), [version === "TLSv1.2" ? "-tls1_2" : "-tls1_3"]);
      expect(text).toMatch(/^New, TLSv1/m);
      expect(status).toBeUndefined();
    }
  });

  test("serves each name under its own certificate", async () => {
    for (const name of [A, B]) {
      const { status, socket } = await sendOnce(asking.at(name), clients["acme"], {}, only(version));
      expect(status).toBe(202);
      expect(socket).toBeDefined();
      const { text } = await opensslClient(asking.at(name), [version === "TLSv1.2" ? "-tls1_2" : "-tls1_3"]);
      const [pem = ""] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/.exec(text) ?? [];
      expect(new X509Certificate(pem).subjectAltName).toBe(`DNS:${name}`);
    }
  });

  test.each([
    ["an unknown name", "c.example.com"],
    ["a name in capitals", A.toUpperCase()],
    ["a name with a trailing dot", `${A}.`],
    ["a name below", `x.${A}`],
    ["no name", undefined],
  ])("completes no handshake for %s (CVE-2022-23632, CVE-2026-48491, CVE-2026-53622)", async (_, name) => {
    const flag = version === "TLSv1.2" ? "-tls1_2" : "-tls1_3";
    const start = asking.lines.all.length;
    const { text, status } = await opensslClient({ ...asking.at(name ?? A) }, [
      flag,
      ...(name === undefined ? ["-noservername"] : []),
    ]);
    expect(text).toMatch(/no peer certificate available/);
    expect(status).toBeUndefined();
    const line = await asking.lines.with({ decision: "handshake" }, start);
    expect(line).toMatchObject({ cause: "unknown host name", peer: "127.0.0.1" });
  });

  test.each([
    ["of the other name", B, "unknown_host"],
    ["in capitals", A.toUpperCase(), "malformed_host"],
    ["with a trailing dot", `${A}.`, "unknown_host"],
    ["with a trailing dot and a port", `${A}.:443`, "unknown_host"],
    ["of nobody", "c.example.com", "unknown_host"],
    ["that is empty", "", "malformed_host"],
    ["of the address", "127.0.0.1", "unknown_host"],
    ["with text behind its port", `${A}:443x`, "malformed_host"],
    ["with a user", `x@${A}`, "malformed_host"],
  ])("refuses a Host %s (CVE-2022-23632, CVE-2026-48491, CVE-2026-53622)", async (_, host, code) => {
    const answer = await sendOnce(asking.at(A), clients["acme"], { host }, only(version));
    expect(answer.status).toBe(code === "unknown_host" ? 421 : 400);
    expect(await asking.lines.of(answer.problem.decision)).toMatchObject({ code });
  });

  test("accepts the Host with a port", async () => {
    const host = `${A}:${asking.port}`;
    expect((await sendOnce(asking.at(A), clients["acme"], { host }, only(version))).status).toBe(202);
  });

  test("asks for exactly the anchors that routes use, and for no signature over SHA-1 or SHA-224", async () => {
    const output = await opensslClient(asking.at(A), [version === "TLSv1.2" ? "-tls1_2" : "-tls1_3"]);
    expect(output.caNames).toEqual([`CN=${MARKER} Root,O=${MARKER} Inc`]);
    expect(output.signatureAlgorithms).toContain("ECDSA+SHA256");
    expect(output.signatureAlgorithms).toContain("RSA+SHA256");
    expect(
      output.signatureAlgorithms.filter((name) => /SHA1$|SHA224$|MD5|DSA\+/.test(name.replace("ECDSA", "EC"))),
    ).toEqual([]);
  });
});

describe("with the policy's intermediates", () => {
  test.each(["request", "require"] as const)(
    "`%s` accepts a client that does not send its intermediate",
    async (clientCertificates) => {
      const policy = { ...senders.policy, intermediates: { issuing: issuing.pem } };
      const origin = await startTlsOrigin(stack, { policy, clientCertificates });
      expect((await sendOnce(origin.at(A), clients["withoutIntermediate"])).status).toBe(202);
      if (clientCertificates === "request") {
        const { caNames } = await opensslClient(origin.at(A), ["-tls1_3"]);
        expect(caNames).toEqual([`CN=${MARKER} Root,O=${MARKER} Inc`, `CN=${MARKER} Issuing,O=${MARKER} Inc`]);
      }
      // The policy's intermediate is not an anchor. So a policy with an intermediate must still refuse the certificates of a
      // stranger.
      if (clientCertificates === "require") await sendInVain(origin.at(A), clients["strangers"]);
      else expect((await sendOnce(origin.at(A), clients["strangers"])).status).toBe(403);
    },
  );
});

describe("a client that sends its certificate only where its root is listed", () => {
  test.each(VERSIONS)(
    "is accepted over %s if a route uses its root, and otherwise sends no certificate",
    async (version) => {
      const listed = await sendStrictly(asking.at(A), senders.acme, `CN=${MARKER} Root,O=${MARKER} Inc`, version);
      expect(listed.status).toBe(202);
      const { problem } = await sendStrictly(
        asking.at(A),
        senders.acme,
        `CN=${MARKER} Unused,O=${MARKER} Inc`,
        version,
      );
      expect(await asking.lines.of(problem.decision)).toMatchObject({ code: "no_certificate" });
    },
  );

  test("exists: OpenSSL's client with -strict", async () => {
    const directory = temporaryDirectory(stack);
    const send = (client: ClientPem, name: string) => {
      const file = join(directory, name);
      writeFileSync(file, `${client.pem}\n${client.keyPem}`, { mode: 0o600 });
      return opensslClient(asking.at(A), ["-tls1_2", "-strict", "-cert", file, "-key", file]);
    };
    expect((await send(senders.acme, "listed.pem")).status).toBe(202);
    expect((await send(clients["strangers"] as ClientPem, "unlisted.pem")).status).toBe(403);
    const [line] = asking.lines.all.slice(-1);
    expect(line).toMatchObject({ code: "no_certificate" });
  });
});

test.each([["asking"], ["requiring"]])("speaks nothing below TLS 1.2: %s", async (which) => {
  const origin = which === "asking" ? asking : requiring;
  const { text } = await opensslClient(origin.at(A), ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
  expect(text).toMatch(/no peer certificate available/);
});
