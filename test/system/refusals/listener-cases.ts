// Refusals of an origin without an edge: behind a proxy, and at its TLS listener. One case at the TLS listener uses a connection
// that was made before a reload.

import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { importSecrets } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { LARGEST_MAX_BODY_BYTES } from "../../../core/wire.ts";
import { createOriginApp } from "../../../origin/app.ts";
import { forwardedFormat } from "../../../origin/forwarded/certificate.ts";
import { readProxiedCertificate, serveProxy } from "../../../origin/node/proxy-server.ts";
import { LogLines } from "../../support/log-lines.ts";
import { ACME, MARKER, subjectOf } from "../../support/senders.ts";
import { SECRETS } from "../../support/signed-senders.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { TlsSender } from "../../support/tls-client.ts";
import { A, startTlsOrigin } from "../../support/tls-origin.ts";
import type { RefusalCase, World } from "./world.ts";

/**
 * Starts an origin behind a proxy, on a Unix socket. The only sender of its policy signs and has no certificate. The returned
 * function `send` writes pieces of a body, does not end the body, and waits for the response.
 */
async function startProxied({ policy }: World) {
  const stack = new AsyncDisposableStack();
  const lines = new LogLines();
  const compiled = compilePolicy({
    ...policy,
    senders: { signer: { signature: { scheme: "github", secrets: ["HUB_SECRET"] } } },
    routes: { "/signed": { senders: ["signer"], methods: ["POST"], maxBodyBytes: LARGEST_MAX_BODY_BYTES } },
  });
  const app = createOriginApp({
    policy: compiled,
    secrets: importSecrets(compiled, () => SECRETS.HUB_SECRET),
    accept: async () => {},
    readCertificate: readProxiedCertificate(forwardedFormat("nginx")),
    log: lines.push,
  });
  const socketPath = join(temporaryDirectory(stack), "origin.sock");
  const server = await serveProxy(app.fetch, { listener: { socket: socketPath, mode: 0o600 }, log: lines.push });
  stack.defer(() => server.close());
  const send = async (framing: readonly string[], pieces: readonly Uint8Array[]) => {
    const headers = framing.flatMap((field) => field.split(": "));
    const outgoing = request({
      socketPath,
      path: "/signed",
      method: "POST",
      headers: ["Host", A, ...headers],
      agent: false,
    });
    stack.defer(() => void outgoing.destroy());
    outgoing.on("error", () => {});
    for (const piece of pieces) outgoing.write(piece);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
  };
  return { lines, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

export const LISTENER_CASES: readonly RefusalCase[] = [
  {
    code: "certificate_elsewhere",
    name: "a proxy that sends the certificate in another field",
    status: 403,
    problem: "no-client-certificate",
    async provoke({ policy, acme }) {
      await using stack = new AsyncDisposableStack();
      const lines = new LogLines();
      const app = createOriginApp({
        policy: compilePolicy(policy),
        accept: async () => {},
        readCertificate: readProxiedCertificate(forwardedFormat("nginx")),
        log: lines.push,
      });
      const socketPath = join(temporaryDirectory(stack), "origin.sock");
      const server = await serveProxy(app.fetch, { listener: { socket: socketPath, mode: 0o600 }, log: lines.push });
      stack.defer(() => server.close());
      const headers = { "X-SSL-Cert": encodeURIComponent(acme.pem) };
      const outgoing = request({ socketPath, path: "/hooks/acme", method: "POST", headers }).end();
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const answer = { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) };
      return { answer, lines };
    },
  },
  {
    code: "body_in_pieces",
    name: "a body in thousands of chunks of one octet",
    status: 400,
    problem: "malformed-request",
    async provoke(world) {
      await using proxied = await startProxied(world);
      const answer = await proxied.send(["Transfer-Encoding: chunked"], Array(10_000).fill(Buffer.from("a")));
      return { answer, lines: proxied.lines };
    },
  },
  {
    code: "bodies_full",
    name: "a body that nobody has proven, while others like it fill the memory that they may take",
    status: 503,
    problem: "unavailable",
    async provoke(world) {
      await using proxied = await startProxied(world);
      const begin = () =>
        proxied.send([`Content-Length: ${LARGEST_MAX_BODY_BYTES}`], [Buffer.alloc(LARGEST_MAX_BODY_BYTES - 1)]);
      // Uses the first response. The other two requests end when their connections are closed.
      return { answer: await Promise.any([begin(), begin(), begin()]), lines: proxied.lines };
    },
  },
  {
    code: "listener_disagrees",
    name: "a connection that was made before its CA became an anchor",
    status: 403,
    problem: "certificate-not-proven",
    async provoke({ policy }) {
      await using stack = new AsyncDisposableStack();
      const root = await issueCertificate({ subject: subjectOf(`${MARKER} New Root`), ca: {} });
      const client = await issueCertificate({ subject: subjectOf(ACME) }, root);
      const origin = await startTlsOrigin(stack, { policy });
      const sender = new TlsSender(origin.at(A), client);
      stack.defer(() => sender.close());
      const before = await sender.send();
      if (before.status !== 403) throw new Error(`the stranger was answered with ${before.status}`);
      origin.reload({
        ...policy,
        anchors: Object.fromEntries(Object.keys(policy.anchors).map((name) => [name, root.pem])),
      });
      const answer = await sender.send();
      if (!answer.isKeptAlive) throw new Error("the connection was not kept alive");
      return { answer, lines: origin.lines };
    },
  },
];
