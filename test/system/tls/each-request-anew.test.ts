// Tests that an earlier proof is not valid for a later request. No TLS session is resumed, and each request on a kept-alive
// connection is judged again. The tests combine the TLS version with what changed between two requests. The client sends the second
// request on the kept-alive connection, or connects again and offers the TLS session of the first connection.

import { once } from "node:events";
import { join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { writeWhole } from "../../../cli/files/write.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { RefusalCode } from "../../../core/refusal.ts";
import { ACME, createSenders, MARKER, type Senders, subjectOf } from "../../support/senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { type ClientPem, connectTls, opensslClient, TlsSender, type TlsServer } from "../../support/tls-client.ts";
import {
  A,
  B,
  issueServers,
  type ServerCertificates,
  startTlsOrigin,
  type TestTlsOrigin,
} from "../../support/tls-origin.ts";

const stack = new AsyncDisposableStack();
const YEAR_SECONDS = 366 * 86_400;

let senders: Senders;
let servers: ServerCertificates;
let otherRoot: string;

beforeAll(async () => {
  senders = await createSenders();
  servers = await issueServers(A, B);
  otherRoot = (await issueCertificate({ subject: subjectOf("Other Root"), ca: {} })).pem;
});
afterAll(() => stack.disposeAsync());

interface Scene {
  readonly origin: TestTlsOrigin;
  skipTime(): void;
}

interface Change {
  readonly name: string;
  /** The code with which the next request on the kept-alive connection is refused. Undefined if it is accepted. */
  readonly kept: RefusalCode | undefined;
  readonly anew: RefusalCode | undefined;
  readonly returnsTo?: string;
  readonly isWithoutKey?: boolean;
  make?(scene: Scene): void;
}

const withPolicy =
  (change: (policy: PolicyDocument) => Partial<PolicyDocument>) =>
  ({ origin }: Scene) =>
    origin.reload({ ...senders.policy, ...change(senders.policy) });

const CHANGES: readonly Change[] = [
  {
    name: "the client goes on to another host name (CVE-2025-23419, CVE-2025-23048)",
    kept: "unknown_host",
    anew: undefined,
    returnsTo: B,
  },
  {
    name: "the client goes on to another host name without its key (CVE-2025-23419, CVE-2025-23048; Node.js 20, cross-name resumption)",
    kept: "unknown_host",
    anew: "no_certificate",
    returnsTo: B,
    isWithoutKey: true,
  },
  {
    name: "the client lost its key (Node.js 20, cross-name resumption)",
    kept: undefined,
    anew: "no_certificate",
    isWithoutKey: true,
  },
  {
    name: "the certificate expired",
    kept: "certificate_expired",
    anew: "certificate_expired",
    make: ({ skipTime }) => skipTime(),
  },
  {
    name: "the certificate was denied",
    kept: "certificate_denied",
    anew: "certificate_denied",
    make: withPolicy(() => ({
      deny: [{ serial: senders.acme.certificate.serialNumber, issuer: `CN=${MARKER} Root,O=${MARKER} Inc` }],
    })),
  },
  {
    name: "the anchor was replaced (CVE-2022-21654, CVE-2025-68121)",
    kept: "issuer_unknown",
    anew: "issuer_unknown",
    make: withPolicy(({ anchors }) => ({
      anchors: Object.fromEntries(Object.keys(anchors).map((name) => [name, otherRoot])),
    })),
  },
  {
    name: "the sender was removed from the route",
    kept: "sender_not_allowed",
    anew: "sender_not_allowed",
    make: withPolicy(({ routes, senders: all }) => ({
      routes: {
        ...routes,
        "/hooks/acme": { senders: Object.keys(all).filter((name) => name !== ACME), methods: ["POST"] },
      },
    })),
  },
];

async function startScene(): Promise<Scene> {
  const own = new AsyncDisposableStack();
  onTestFinished(() => own.disposeAsync());
  let skipped = 0;
  const origin = await startTlsOrigin(own, {
    policy: senders.policy,
    servers,
    clock: () => Math.floor(Date.now() / 1000) + skipped,
  });
  return {
    origin,
    skipTime() {
      skipped = YEAR_SECONDS;
    },
  };
}

function newSender(server: TlsServer, client: ClientPem | undefined, tls = {}): TlsSender {
  const sender = new TlsSender(server, client, tls);
  onTestFinished(() => sender.close());
  return sender;
}

async function expectDecision({ lines }: TestTlsOrigin, answer: Awaited<ReturnType<TlsSender["send"]>>, code?: string) {
  if (code === undefined) return expect(answer.status).toBe(202);
  expect(answer.status).toBe(code === "unknown_host" ? 421 : 403);
  expect(await lines.of(answer.problem.decision)).toMatchObject({ decision: "refused", code });
}

/** Returns the sessions that a client could offer later: the session of the handshake, and each ticket that arrived after it. */
async function sessionsOf(socket: TLSSocket): Promise<Buffer[]> {
  const sessions = [socket.getSession() ?? Buffer.of()];
  socket.on("session", (session) => sessions.push(session));
  socket.write(`POST /hooks/acme HTTP/1.1\r\nHost: ${A}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`);
  socket.resume();
  await once(socket, "close");
  return sessions;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s", (version) => {
  const only = { minVersion: version, maxVersion: version };

  test.each(CHANGES)("a kept-alive connection is judged anew: $name", async ({ kept, make, returnsTo = A }) => {
    const scene = await startScene();
    const sender = newSender(scene.origin.at(A), senders.acme, only);
    expect((await sender.send()).status).toBe(202);
    make?.(scene);
    const answer = await sender.send({ host: returnsTo });
    expect(answer.isKeptAlive).toBe(true);
    await expectDecision(scene.origin, answer, kept);
  });

  test.each(CHANGES)(
    "an offered session is not resumed: $name",
    async ({ anew, make, returnsTo = A, isWithoutKey }) => {
      const scene = await startScene();
      const first = newSender(scene.origin.at(A), senders.acme, only);
      const { status, socket } = await first.send();
      expect(status).toBe(202);
      const session = socket.getSession();
      expect(session).toBeInstanceOf(Buffer);
      make?.(scene);

      // With or without the client's key, the offered session must lead to a full handshake, which asks for the certificate.
      const client = isWithoutKey ? undefined : senders.acme;
      const second = newSender(scene.origin.at(returnsTo), client, { ...only, session });
      const answer = await second.send();
      expect(answer.isKeptAlive).toBe(false);
      expect(answer.socket.isSessionReused()).toBe(false);
      await expectDecision(scene.origin, answer, anew);
    },
  );

  test("nothing that the server gives out can be resumed (Node.js 20, cross-name resumption)", async () => {
    const { origin } = await startScene();
    const { pem: cert, keyPem: key } = senders.acme;
    const sessions = await sessionsOf(await connectTls(stack, origin.at(A), { ...only, cert, key }));
    for (const session of sessions) {
      for (const name of [A, B]) {
        const again = await connectTls(stack, origin.at(name), { ...only, session });
        expect(again.isSessionReused()).toBe(false);
        expect(again.getTLSTicket()).toBeUndefined();
      }
    }
  });

  test("OpenSSL's client cannot resume either, with its key or without", async () => {
    const { origin } = await startScene();
    const directory = temporaryDirectory(stack);
    const [certificate, key, session] = ["client.pem", "client.key", "session.pem"].map((name) =>
      join(directory, name),
    ) as [string, string, string];
    writeWhole(certificate, senders.acme.pem);
    writeWhole(key, senders.acme.keyPem, 0o600);
    const flag = version === "TLSv1.2" ? "-tls1_2" : "-tls1_3";
    const identity = ["-cert", certificate, "-key", key];
    const first = await opensslClient(origin.at(A), [flag, ...identity, "-sess_out", session]);
    expect(first).toMatchObject({ status: 202, isResumed: false });
    for (const name of [A, B]) {
      const withKey = await opensslClient(origin.at(name), [flag, ...identity, "-sess_in", session]);
      expect(withKey).toMatchObject({ status: 202, isResumed: false });
      const withoutKey = await opensslClient(origin.at(name), [flag, "-sess_in", session]);
      expect(withoutKey).toMatchObject({ status: 403, isResumed: false });
    }
  });

  test("these clients do resume if a server allows it", async () => {
    const [host] = servers.hosts;
    const server = createServer({ cert: host?.certificate ?? "", key: host?.key ?? "" }, (socket) =>
      socket.end("hello"),
    );
    stack.defer(() => void server.close());
    await once(server.listen(0, "127.0.0.1"), "listening");
    const { port } = server.address() as { port: number };
    const at = { port, ca: servers.ca, name: A };
    const session = (await sessionsOf(await connectTls(stack, at, only))).at(-1);
    const again = await connectTls(stack, at, { ...only, ...(session !== undefined && { session }) });
    expect(again.isSessionReused()).toBe(true);
  });
});

test("TLS 1.2: a connection is not renegotiated, to another certificate or to none", async () => {
  const { origin } = await startScene();
  const { pem: cert, keyPem: key } = senders.acme;
  const socket = await connectTls(stack, origin.at(A), { maxVersion: "TLSv1.2", cert, key });
  const refused = once(socket, "error");
  socket.renegotiate({}, () => {});
  const [error] = await refused;
  expect(String(error)).toContain("no renegotiation");
});
