// Tests the log line for each handshake that fails or that proves no sender. The line names the cause and the client.

import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type CertificateRequest,
  type Identity,
  issueCertificate,
  SERVER_AUTH,
} from "../../../../cli/dev/authority.ts";
import { formatLogLine, type LogLine } from "../../../../core/log-line.ts";
import type { HandshakeCause } from "../../../../origin/node/tls/handshake-diagnosis.ts";
import { TLS_DEADLINES } from "../../../../origin/node/tls/listener.ts";
import { TAG } from "../../../support/certificates/der-edit.ts";
import { encodeName, FIELD } from "../../../support/certificates/edit.ts";
import { resign } from "../../../support/fixtures/issue.ts";
import { pemOf } from "../../../support/scenes/certificates.ts";
import { createSenders, MARKER, type Senders, subjectOf } from "../../../support/senders.ts";
import { type ClientPem, opensslClient, sendInVain, sendOnce } from "../../../support/tls-client.ts";
import { A, startTlsOrigin, type TestTlsOrigin } from "../../../support/tls-origin.ts";

const DAY_MILLISECONDS = 86_400_000;
const LEAF = `O=${MARKER} Inc, CN=leaf`;
const stack = new AsyncDisposableStack();
let senders: Senders;
let origin: TestTlsOrigin;

beforeAll(async () => {
  senders = await createSenders();
  origin = await startTlsOrigin(stack, { policy: senders.policy });
});
afterAll(() => stack.disposeAsync());

/**
 * Returns the handshake line that a connection causes. The tests of this file run one after the other, so that no other test causes
 * a line meanwhile.
 */
async function lineOf(provoke: () => Promise<unknown>): Promise<LogLine> {
  const start = origin.lines.all.length;
  const line = origin.lines.with({ decision: "handshake" }, start);
  await provoke();
  return line;
}

const leaf = (issuer: Identity | undefined, request: Partial<CertificateRequest> = {}) =>
  issueCertificate({ subject: subjectOf("leaf"), ...request }, issuer);
const ca = (name: string, issuer?: Identity, pathLength?: number) =>
  issueCertificate({ subject: subjectOf(name), ca: pathLength === undefined ? {} : { pathLength } }, issuer);
const chain = (...[first, ...rest]: [Identity, ...Identity[]]): ClientPem => ({
  pem: [first, ...rest].map(({ pem }) => `${pem}\n`).join(""),
  keyPem: first.keyPem,
});

interface Presented {
  readonly cause: HandshakeCause;
  readonly name: string;
  readonly expected?: Readonly<Record<string, unknown>>;
  issue(senders: Senders): Promise<ClientPem | undefined>;
}

const PRESENTED: readonly Presented[] = [
  {
    cause: "no certificate sent",
    name: "a client without a certificate",
    expected: { asked: [`CN=${MARKER} Root,O=${MARKER} Inc`] },
    issue: async () => undefined,
  },
  {
    cause: "untrusted",
    name: "a chain to another root",
    expected: {
      reason: "SELF_SIGNED_CERT_IN_CHAIN",
      depth: 2,
      subject: LEAF,
      top: `O=${MARKER} Inc, CN=Stranger`,
      topIssuer: `O=${MARKER} Inc, CN=Stranger`,
    },
    async issue() {
      const stranger = await ca("Stranger");
      const issuing = await ca("Stranger Issuing", stranger);
      return chain(await leaf(issuing), issuing, stranger);
    },
  },
  {
    cause: "untrusted",
    name: "a chain to another root that is not sent",
    expected: {
      depth: 1,
      subject: LEAF,
      top: `O=${MARKER} Inc, CN=Issuing`,
      topIssuer: `O=${MARKER} Inc, CN=Stranger`,
    },
    async issue() {
      const issuing = await ca("Issuing", await ca("Stranger"));
      return chain(await leaf(issuing), issuing);
    },
  },
  {
    cause: "untrusted",
    name: "a certificate signed by itself",
    expected: { reason: "DEPTH_ZERO_SELF_SIGNED_CERT", depth: 0, subject: LEAF, topIssuer: LEAF },
    issue: async () => chain(await leaf(undefined)),
  },
  {
    cause: "intermediate missing",
    name: "a leaf alone",
    expected: { depth: 0, subject: LEAF, topIssuer: `O=${MARKER} Inc, CN=Issuing` },
    issue: async ({ root }) => chain(await leaf(await ca("Issuing", root))),
  },
  {
    cause: "expired",
    name: "a certificate of the day before yesterday",
    expected: { reason: "CERT_HAS_EXPIRED", subject: LEAF },
    issue: async ({ root }) =>
      chain(
        await leaf(root, {
          notBefore: new Date(Date.now() - 3 * DAY_MILLISECONDS),
          notAfter: new Date(Date.now() - 2 * DAY_MILLISECONDS),
        }),
      ),
  },
  {
    cause: "not yet valid",
    name: "a certificate of tomorrow",
    issue: async ({ root }) => chain(await leaf(root, { notBefore: new Date(Date.now() + DAY_MILLISECONDS) })),
  },
  {
    cause: "chain too long",
    name: "an intermediate more than an issuer may have",
    expected: { reason: "PATH_LENGTH_EXCEEDED", depth: 2 },
    async issue({ root }) {
      const limited = await ca("Limited", root, 0);
      const below = await ca("Below", limited);
      return chain(await leaf(below), below, limited);
    },
  },
  {
    cause: "wrong purpose",
    name: "a server's certificate",
    expected: { reason: "INVALID_PURPOSE", subject: LEAF },
    issue: async ({ root }) => chain(await leaf(root, { extendedKeyUsage: [SERVER_AUTH] })),
  },
];

describe.each([
  ["TLSv1.2", /^ECDHE-/],
  ["TLSv1.3", /^TLS_/],
] as const)("a completed handshake over %s names", (version, cipher) => {
  test.each(PRESENTED)("$cause: $name", async ({ cause, expected = {}, issue }) => {
    const client = await issue(senders);
    const line = await lineOf(() => sendOnce(origin.at(A), client, {}, { minVersion: version, maxVersion: version }));
    expect(line).toMatchObject({ cause, peer: "127.0.0.1", serverName: A, tls: version, ...expected });
    expect(line["cipher"]).toMatch(cipher);
    expect(line["remedy"]).not.toBe("");
  });
});

test("nothing is logged about a handshake that proved a certificate", async () => {
  const start = origin.lines.all.length;
  expect((await sendOnce(origin.at(A), senders.acme)).status).toBe(202);
  expect(origin.lines.all.slice(start).map(({ decision }) => decision)).toEqual(["accepted"]);
});

describe("a failed handshake names", () => {
  const openssl = (name: string, ...args: string[]) => opensslClient({ ...origin.at(A), name }, args);
  const raw = async (use: (socket: ReturnType<typeof connect>) => void) => {
    const socket = connect(origin.port, "127.0.0.1");
    socket.on("error", () => {});
    await once(socket, "connect");
    use(socket);
    await once(socket, "close");
  };

  test.each([
    ["an unknown host name", "c.example.com", ["-tls1_2"], "unknown host name", "TLSv1.2"],
    ["an unknown host name", "c.example.com", ["-tls1_3"], "unknown host name", "TLSv1.3"],
    ["no host name", A, ["-noservername"], "unknown host name", "TLSv1.3"],
    [
      "a cipher for RSA keys only",
      A,
      ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"],
      "protocol or cipher",
      "TLSv1.2",
    ],
    ["signatures of RSA only", A, ["-tls1_3", "-sigalgs", "RSA-PSS+SHA256"], "protocol or cipher", "TLSv1.3"],
    ["TLS 1.1", A, ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"], "protocol or cipher", "TLSv1.1"],
    ["TLS 1.0", A, ["-tls1", "-cipher", "DEFAULT:@SECLEVEL=0"], "protocol or cipher", "TLSv1"],
  ] as const)("%s", async (_, name, args, cause, tls) => {
    const line = await lineOf(() => openssl(name, ...args));
    expect(line).toMatchObject({ cause, peer: "127.0.0.1", tls, reason: expect.stringMatching(/^ERR_SSL_/) });
    if (cause === "unknown host name") expect(line["serverName"]).toBe(name === A ? undefined : name);
  });

  test.each(["POST", "GET", "PUT", "DELETE", "PATCH", "OPTIONS"])("plain HTTP (%s)", async (method) => {
    const line = await lineOf(() => raw((socket) => socket.end(`${method} /hooks/acme HTTP/1.1\r\nHost: a\r\n\r\n`)));
    expect(line).toMatchObject({ cause: "plain HTTP", reason: "ERR_SSL_HTTP_REQUEST", peer: "127.0.0.1" });
    expect(line["remedy"]).toMatch(/http:\/\//);
    expect(line["remedy"]).not.toMatch(/version|cipher|PROXY/);
  });

  test.each([
    ["PROXY protocol, version 1", "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n"],
    ["PROXY protocol, version 2", `\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c${"\x01".repeat(12)}`],
    ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n"],
  ])("%s", async (_, octets) => {
    const line = await lineOf(() => raw((socket) => socket.end(Buffer.from(octets, "latin1"))));
    expect(line).toMatchObject({ cause: "not TLS", peer: "127.0.0.1" });
    expect(line["remedy"]).toMatch(/PROXY protocol header .*send-proxy/);
    expect(line["remedy"]).not.toMatch(/version|cipher/);
  });

  test.each(["-tls1_2", "-tls1_3"])("a client that does not trust our certificate (%s)", async (version) => {
    const line = await lineOf(() => openssl(A, version, "-verify", "1", "-verify_return_error"));
    expect(line).toMatchObject({ cause: "server not trusted", peer: "127.0.0.1", serverName: A });
  });

  test("Node's client that does not trust our certificate", async () => {
    const line = await lineOf(() =>
      sendInVain({ ...origin.at(A), ca: senders.root.pem }, undefined, {}, { minVersion: "TLSv1.3" }),
    );
    expect(line).toMatchObject({ cause: "client aborted", peer: "127.0.0.1", serverName: A });
  });

  test.each([
    ["a reset", (socket: ReturnType<typeof connect>) => void socket.resetAndDestroy()],
    ["an end without a word", (socket: ReturnType<typeof connect>) => void socket.end()],
  ])("%s", async (_, use) => {
    const line = await lineOf(() => raw(use));
    expect(line).toMatchObject({ cause: "client aborted", peer: "127.0.0.1" });
  });

  test("a client that says nothing until the time of its handshake is over", async () => {
    const deadlines = { ...TLS_DEADLINES, handshake: 1_000 };
    const impatient = await startTlsOrigin(stack, { policy: senders.policy, deadlines });
    const socket = connect(impatient.port, "127.0.0.1");
    await once(socket, "close");
    const line = await impatient.lines.with({ decision: "handshake" });
    expect(line).toMatchObject({ cause: "timeout", peer: "127.0.0.1", reason: "ERR_TLS_HANDSHAKE_TIMEOUT" });
  });
});

test("what a peer chose is escaped, in its subject and in its server name (CVE-2024-47252)", async () => {
  const evil = 'x"\u001b[2J\u0007\n{"decision":"accepted"}\u202egnp.\u2066\u009b31m\u0000end';
  const presentedBy = async (issuer: Identity): Promise<ClientPem> => {
    const plain = await leaf(issuer);
    const base64 = resign(plain, issuer, ({ tbs }) => {
      tbs[FIELD.subject] = encodeName([["2.5.4.3", TAG.utf8, evil]]);
    });
    return { pem: pemOf(base64), keyPem: plain.keyPem };
  };
  const start = origin.lines.all.length;
  const { status, problem } = await sendOnce(origin.at(A), await presentedBy(senders.root));
  expect(status).toBe(403);
  expect(await origin.lines.of(problem.decision)).toMatchObject({ code: "certificate_malformed" });

  // OpenSSL accepts the malformed name, so the name alone would cause no handshake line. For this reason, this certificate is
  // issued by a CA that OpenSSL does not know.
  await sendOnce(origin.at(A), await presentedBy(await ca("Stranger")));
  await opensslClient({ ...origin.at(A), name: "\u001b[31m\u202e" }, []);
  const handshakes = () => origin.lines.all.slice(start).filter(({ decision }) => decision === "handshake");
  await expect
    .poll(() => handshakes().map(({ cause }) => cause))
    .toEqual(["intermediate missing", "unknown host name"]);
  expect(JSON.stringify(handshakes()[0])).toContain("gnp.");
  for (const line of origin.lines.all.slice(start)) {
    const text = formatLogLine(line);
    expect(text).not.toMatch(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u);
    expect(JSON.parse(text).decision).not.toBe("accepted");
  }
});
