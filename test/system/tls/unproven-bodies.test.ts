// Tests uploads of strangers on a route whose sender only signs. Nothing proves this sender before the last octet of the body, so
// the process limits the memory for these bodies. A sender that sends its whole body at once must still be served.

import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { MAX_UNPROVEN_BODY_BYTES } from "../../../core/wire.ts";
import type { HeaderList } from "../../support/http.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { startTlsProcess, type TlsFiles, type TlsProcess, writeTlsFiles } from "../../support/tls-process.ts";
import { unreadOctets } from "../../support/unread-octets.ts";

const SECRET = "a-secret-of-github-for-tests";
const MIB = 1024 * 1024;
const UPLOAD_BYTES = 24 * MIB;
const UPLOADS = 12;
/** The number of uploads that fit into the limit. Further uploads exceed it. */
const FIT = Math.floor(MAX_UNPROVEN_BODY_BYTES / UPLOAD_BYTES);

const addSigner = (policy: PolicyDocument): PolicyDocument => ({
  ...policy,
  senders: { ...policy.senders, signer: { signature: { scheme: "github", secrets: ["GITHUB_SECRET"] } } },
  routes: { ...policy.routes, "/signed": { senders: ["signer"], methods: ["POST"], maxBodyBytes: UPLOAD_BYTES } },
});

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;
beforeAll(async () => {
  process.env["GITHUB_SECRET"] = SECRET;
  stack.defer(() => void delete process.env["GITHUB_SECRET"]);
  files = await writeTlsFiles(stack, addSigner);
  origin = await startTlsProcess(stack, files);
});
afterAll(() => stack.disposeAsync());

const signed = (body: Buffer) => ({
  target: "/signed",
  body,
  headers: [["X-Hub-Signature-256", `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`]] as HeaderList,
});

const residentBytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${origin.pid}/status`, "utf8"))?.[1]) * 1024;

interface Upload {
  readonly socket: TLSSocket;
  /** The response. It is empty until the server has responded. */
  answer: string;
}

/** Sends a body without its last octets. Resolves when the server has read the other octets, or has closed the connection. */
async function beginUpload(framing: string, pieces: readonly Buffer[]): Promise<Upload> {
  const { port, ca } = origin.server;
  const socket = connect({ port, host: "127.0.0.1", servername: A, ca });
  socket.on("error", () => {});
  stack.defer(() => void socket.destroy());
  const upload: Upload = { socket, answer: "" };
  void text(socket).then(
    (answer) => {
      upload.answer = answer;
    },
    () => {},
  );
  socket.write(
    `POST /signed HTTP/1.1\r\nHost: ${A}\r\nX-Hub-Signature-256: sha256=${"0".repeat(64)}\r\n${framing}\r\n\r\n`,
  );
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const piece of pieces) {
    if (socket.destroyed) break;
    await Promise.race([closed, new Promise((resolve) => socket.write(piece, resolve))]);
  }
  await expect.poll(() => unreadOctets(socket), { interval: 10 }).toBe(0);
  return upload;
}

const mib = Buffer.alloc(MIB, "a");
const declared = (): Promise<Upload> =>
  beginUpload(`Content-Length: ${UPLOAD_BYTES}`, Array<Buffer>(UPLOAD_BYTES / MIB - 1).fill(mib));
const chunked = (): Promise<Upload> =>
  beginUpload(
    "Transfer-Encoding: chunked",
    Array<Buffer[]>(UPLOAD_BYTES / MIB - 1)
      .fill([Buffer.from(`${MIB.toString(16)}\r\n`), mib, Buffer.from("\r\n")])
      .flat(),
  );

test.each([
  ["of a declared length", declared],
  ["in chunks", chunked],
])(
  "unfinished uploads %s are held up to a limit; the oldest is answered with 503 (Unfinished uploads)",
  async (_, begin) => {
    const before = residentBytes();
    const start = origin.lines.length;
    const uploads: Upload[] = [];
    for (let count = 0; count < UPLOADS; count += 1) uploads.push(await begin());
    await expect.poll(() => uploads.filter(({ answer }) => answer !== "").length).toBe(UPLOADS - FIT);
    // Without the limit, the process would hold 276 MiB.
    expect(residentBytes() - before).toBeLessThan(MAX_UNPROVEN_BODY_BYTES * 2.5);
    for (const { answer } of uploads.slice(0, -FIT)) {
      expect(answer).toMatch(/^HTTP\/1\.1 503 /);
      expect(answer).toMatch(/\r\nretry-after: 30\r\n/i);
    }
    const refused = () => origin.lines.slice(start).filter(({ code }) => code === "bodies_full");
    await expect.poll(refused).toHaveLength(UPLOADS - FIT);

    // The uploads that were not refused fill the memory up to the limit, but they do not prevent other requests.
    expect((await sendOnce(origin.server, undefined, signed(Buffer.from("{}")))).status).toBe(202);
    expect((await sendOnce(origin.server, files.senders.acme)).status).toBe(202);
    const large = await sendOnce(origin.server, undefined, signed(Buffer.alloc(8 * MIB, "b")));
    expect(large.status).toBe(202);
    // The memory for this large body was taken from another upload. So one more upload is refused. The test waits for the log line
    // of the large body. Otherwise this line could arrive during the next test.
    await expect.poll(refused).toHaveLength(UPLOADS - FIT + 1);
    await origin.line({ decision: "accepted", id: JSON.parse(large.body.toString()).event });
    for (const { socket } of uploads) socket.destroy();
  },
);

test("a body that has ended frees its memory for others", async () => {
  for (let count = 0; count < 2 * FIT; count += 1) {
    const { status, body } = await sendOnce(origin.server, undefined, signed(Buffer.alloc(UPLOAD_BYTES, "b")));
    expect(status).toBe(202);
    await origin.line({ decision: "accepted", id: JSON.parse(body.toString()).event });
  }
  expect(origin.lines.filter(({ code }) => code === "body_incomplete").length).toBeLessThanOrEqual(2 * UPLOADS);
});

test("a body in chunks of one octet is refused when there are thousands of them (Tiny chunks)", async () => {
  const { answer, socket } = await beginUpload("Transfer-Encoding: chunked", [
    Buffer.from("1\r\na\r\n".repeat(20_000)),
  ]);
  if (answer === "" && !socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  await origin.line({ code: "body_in_pieces" });
});
