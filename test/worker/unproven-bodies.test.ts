// Tests uploads of strangers at the edge, on a route whose sender only signs. An isolate holds at most a fixed number of octets of
// these uploads. When an upload ends, for whatever reason, its memory is free again.

import { createHmac } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { MAX_UNPROVEN_BODY_BYTES, UNCOUNTED_BODY_BYTES } from "../../core/wire.ts";
import { type HeaderList, listen } from "../support/http.ts";
import { createSenders, HOST, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { tlsClientAuth } from "../support/tls-client-auth.ts";
import { unreadOctets } from "../support/unread-octets.ts";
import { type DeployedEdge, startWorkerd } from "../support/workerd.ts";

const SECRET = "a-secret-of-github-for-tests";
const MIB = 1024 * 1024;
const UPLOAD_BYTES = 24 * MIB;
/** The number of whole uploads that an isolate can hold. */
const FIT = Math.floor(MAX_UNPROVEN_BODY_BYTES / UPLOAD_BYTES);

const stack = new AsyncDisposableStack();
let senders: Senders;
let edge: DeployedEdge;
beforeAll(async () => {
  senders = await createSenders();
  const { policy } = senders;
  const ORIGIN_URL = await listen(stack, (incoming, outgoing) => {
    incoming.resume().once("end", () => outgoing.writeHead(202).end("{}"));
  });
  const signed = { senders: ["signer"], methods: ["POST"], maxBodyBytes: UPLOAD_BYTES };
  const withSigner = {
    ...policy,
    senders: { ...policy.senders, signer: { signature: { scheme: "github" as const, secrets: ["GITHUB_SECRET"] } } },
    routes: { ...policy.routes, "/signed": signed },
  };
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  ({ edge } = await startWorkerd(stack, withSigner, { edge: { SIGNING_KEYS, ORIGIN_URL, GITHUB_SECRET: SECRET } }));
});
afterAll(() => stack.disposeAsync());

const signatureOf = (body: Buffer): HeaderList[number] => [
  "X-Hub-Signature-256",
  `sha256=${createHmac("sha256", SECRET).update(body).digest("hex")}`,
];
const sendSigned = async (bytes: number): Promise<number> => {
  const body = Buffer.alloc(bytes, "b");
  return (await edge.send({ target: "/signed", body, headers: [signatureOf(body)] })).status;
};

interface Upload {
  readonly socket: TLSSocket;
  /** The response. It is empty until the edge has responded. */
  answer: string;
}

/** The number of octets that an upload sends first: its whole body except the last MiB. */
const BEGUN_BYTES = UPLOAD_BYTES - MIB;
/** The number of octets that one more upload sends. After that, all uploads together hold exactly as much as the limit allows. */
const REST_BYTES = MAX_UNPROVEN_BODY_BYTES - FIT * (BEGUN_BYTES - UNCOUNTED_BODY_BYTES) + UNCOUNTED_BODY_BYTES;

/**
 * Sends this number of octets of a body, or fewer if the edge responds earlier. Resolves when the edge has read the octets, or has
 * responded.
 */
async function beginUpload(bytes = BEGUN_BYTES): Promise<Upload> {
  const socket = connect({ port: edge.port, host: "127.0.0.1", servername: HOST, ca: edge.ca });
  socket.on("error", () => {});
  stack.defer(() => void socket.destroy());
  const upload: Upload = { socket, answer: "" };
  const answered = new Promise((resolve) => socket.once("data", resolve));
  socket.on("data", (data) => {
    upload.answer += String(data);
  });
  socket.write(
    `POST /signed HTTP/1.1\r\nHost: ${HOST}\r\nX-Hub-Signature-256: sha256=${"0".repeat(64)}\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`,
  );
  const mib = Buffer.alloc(MIB, "a");
  for (let sent = 0; sent < bytes && upload.answer === ""; sent += MIB) {
    const piece = mib.subarray(0, bytes - sent);
    await Promise.race([answered, new Promise((resolve) => socket.write(piece, resolve))]);
  }
  const unread = () => (upload.answer === "" ? unreadOctets(socket) : 0);
  await expect.poll(unread, { interval: 10 }).toBe(0);
  return upload;
}

test("unfinished uploads are held up to a limit, and who asks for more gets 503 (Unfinished uploads, at the edge)", async () => {
  const uploads: Upload[] = [];
  for (let count = 0; count < FIT; count += 1) uploads.push(await beginUpload());
  uploads.push(await beginUpload(REST_BYTES));
  // The edge closes the connection after its response. A client that is still writing at that moment may lose the response. So this
  // upload sends only one octet too many.
  const last = await beginUpload(UNCOUNTED_BODY_BYTES + 1);
  await expect.poll(() => last.answer).toMatch(/^HTTP\/1\.1 503 /);
  expect(last.answer).toMatch(/\r\nretry-after: \d+\r\n/i);
  const line = await edge.lines.with({ code: "bodies_full" });
  expect(line).toMatchObject({ decision: "failed", status: 503, limit: MAX_UNPROVEN_BODY_BYTES });
  expect(uploads.map(({ answer }) => answer)).toEqual(uploads.map(() => ""));

  // Small bodies are still accepted. A larger body is refused if only a signature can prove its sender. A body of the same size is
  // accepted if a certificate proves its sender.
  expect(await sendSigned(2)).toBe(202);
  expect(await sendSigned(UNCOUNTED_BODY_BYTES)).toBe(202);
  expect(await sendSigned(UNCOUNTED_BODY_BYTES + 1)).toBe(503);
  const body = Buffer.alloc(UNCOUNTED_BODY_BYTES + 1, "b");
  const proven = await edge.send({ tls: tlsClientAuth(senders.acme), target: "/hooks/large", body });
  expect(proven.status).toBe(202);

  // The memory of an upload is free again when its sender disconnects, and when its body is complete.
  for (const { socket } of uploads.slice(1)) socket.destroy();
  // The first upload needs the memory of the others. So it is completed only after the edge has noticed that the others ended.
  const ended = () => edge.lines.all.filter(({ code }) => code === "body_incomplete");
  await expect.poll(ended).toHaveLength(FIT);
  uploads[0]?.socket.write(Buffer.alloc(MIB, "a"));
  await expect.poll(() => uploads[0]?.answer).toMatch(/^HTTP\/1\.1 401 /);
  // When the edge joins the pieces of a body, it needs the memory for the body twice. So these bodies have half the size.
  const all = () => Promise.all(Array.from({ length: FIT }, () => sendSigned(UPLOAD_BYTES / 2)));
  await expect.poll(all, { interval: 500 }).toEqual(Array(FIT).fill(202));
});
