// Tests what one request of a stranger can write into the log, at the origin's listener and at the deployed edge. Whatever values
// the stranger chooses, a log line must not exceed the documented limit.

import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import { MAX_LOG_LINE_BYTES } from "../../../core/wire.ts";
import { createSenders } from "../../support/senders.ts";
import { newSigningKey } from "../../support/signing-key.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";
import { startTlsProcess, type TlsProcess, writeTlsFiles } from "../../support/tls-process.ts";
import { type DeployedEdge, startWorkerd } from "../../support/workerd.ts";

const stack = new AsyncDisposableStack();
let origin: TlsProcess;
let edge: DeployedEdge;
const written: string[] = [];

beforeAll(async () => {
  origin = await startTlsProcess(stack, await writeTlsFiles(stack));
  createInterface({ input: origin.process.stdout as NodeJS.ReadableStream }).on("line", (text) => written.push(text));
  const SIGNING_KEYS = JSON.stringify({ keys: [await newSigningKey()] });
  const { policy } = await createSenders();
  ({ edge } = await startWorkerd(stack, policy, { edge: { SIGNING_KEYS, ORIGIN_URL: "http://127.0.0.1:9" } }));
});
afterAll(() => stack.disposeAsync());

const NOTE = "the name of anybody";
const purposes = (count: number) =>
  Array.from({ length: count }, (_, index) => `1.2.268435455.268435455.${index + 200_000}`);
/** Returns OIDs with a long text. An OID may contain a number of any size, so there is no limit for the length of its text. */
const longPurposes = (count: number) =>
  Array.from({ length: count }, (_, index) => `1.2.${10n ** 900n + BigInt(index)}`);

const STRANGERS: Readonly<Record<string, () => Promise<Identity>>> = {
  "hundreds of purposes": () => issueCertificate({ subject: [{ CN: [NOTE] }], extendedKeyUsage: purposes(400) }),
  "purposes with long identifiers": () =>
    issueCertificate({ subject: [{ CN: [NOTE] }], extendedKeyUsage: longPurposes(15) }),
  "names of marks that are escaped": () =>
    issueCertificate({
      subject: [{ O: ["\u202e".repeat(600)] }, { CN: ["\u2066".repeat(600)] }],
      extendedKeyUsage: purposes(200),
    }),
};

describe.each(Object.entries(STRANGERS))("a certificate with %s", (_, issue) => {
  test("writes a short line at the listener (Log amplification)", async () => {
    const start = written.length;
    const { status, problem } = await sendOnce(origin.server, await issue());
    expect(status).toBe(403);
    await origin.line({ id: problem.decision });
    const lines = written.slice(start);
    expect(lines.some((line) => line.includes(String(problem.decision)))).toBe(true);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(MAX_LOG_LINE_BYTES);
  });

  test("writes a short line at the edge (Log amplification)", async () => {
    const { status, body } = await edge.send({ tls: tlsClientAuth(await issue()) });
    expect(status).toBe(403);
    const line = await edge.lines.of(JSON.parse(body.toString()).decision);
    expect(Buffer.byteLength(JSON.stringify(line))).toBeLessThanOrEqual(MAX_LOG_LINE_BYTES);
  });
});
