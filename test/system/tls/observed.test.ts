// Tests what an observed route of the origin's listener records about certificates that anybody can make. Such certificates are
// never recorded as proven, whatever the verdict is. However many of them arrive, the certificate of the real sender must still be
// recorded.

import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CLIENT_AUTH, type Identity, issueCertificate } from "../../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { MAX_OBSERVED_UNPROVEN } from "../../../core/wire.ts";
import { runHere } from "../../support/command.ts";
import { startCountersign } from "../../support/running.ts";
import { ACME, type Senders, subjectOf } from "../../support/senders.ts";
import { sendOnce } from "../../support/tls-client.ts";
import { A } from "../../support/tls-origin.ts";
import { type TlsFiles, writeTlsFiles } from "../../support/tls-process.ts";

const SECRET = { HUB_SECRET: "0123456789abcdef0123456789abcdef" };
const SIGNED: [string, string] = [
  "X-Hub-Signature-256",
  `sha256=${createHmac("sha256", SECRET.HUB_SECRET).update("{}").digest("hex")}`,
];
const ROUTE = "/hooks/observed";

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let senders: Senders;
let file: string;

/** Adds an observed route with two senders: one with a certificate, and one that only signs. */
const observe = (policy: PolicyDocument): PolicyDocument => ({
  ...policy,
  senders: { ...policy.senders, signer: { signature: { scheme: "github", secrets: ["HUB_SECRET"] } } },
  routes: { ...policy.routes, [ROUTE]: { senders: [ACME, "signer"], methods: ["POST"], mode: "observe" } },
});

beforeAll(async () => {
  files = await writeTlsFiles(stack, observe);
  ({ senders } = files);
  file = join(dirname(files.inbox), "observed.jsonl");
});
afterAll(() => stack.disposeAsync());

interface Line {
  readonly isProven: boolean;
  readonly verdict: string;
  readonly certificate: { readonly subject: string; readonly sha256: string };
}

/** Starts the origin, sends the requests, and stops the origin. Returns the statuses of the responses, and the recorded lines. */
async function present(sends: readonly (readonly [client: Identity, headers?: readonly [string, string][]])[]) {
  const origin = await startCountersign([...files.args], SECRET);
  const statuses: number[] = [];
  try {
    const server = { port: Number(new URL(origin.ready["origin"] ?? "").port), ca: files.serverCa.pem, name: A };
    for (const [client, headers = []] of sends)
      statuses.push((await sendOnce(server, client, { target: ROUTE, headers })).status);
  } finally {
    await origin.stop();
  }
  const kept = readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Line);
  return { statuses, kept };
}

const selfMade = (name: string) => issueCertificate({ subject: subjectOf(name), extendedKeyUsage: [CLIENT_AUTH] });

test("a certificate of anybody's is not proven, on a route with a sender that only signs (Observed as proven)", async () => {
  const { statuses, kept } = await present([[await selfMade(ACME)], [await selfMade("somebody else"), [SIGNED]]]);
  expect(statuses).toEqual([401, 202]);
  expect(kept).toMatchObject([
    { isProven: false, verdict: "signature_missing", certificate: { subject: expect.stringContaining(ACME) } },
    { isProven: false, verdict: "accepted", certificate: { subject: expect.stringContaining("somebody else") } },
  ]);
  const { stdout } = await runHere(["policy", "observed", file]);
  const rows = stdout.split("\n\n");
  expect(rows).toHaveLength(2);
  for (const row of rows) expect(row).toContain("not proven");
  expect(rows[1]).toContain("accepted by other factors");
});

test("however many of them arrive, the sender's certificate is kept, also after many starts", async () => {
  const [line = ""] = readFileSync(file, "utf8").split("\n");
  const earlier = Array.from({ length: 1_500 }, (_, index) => {
    const { certificate, ...rest } = JSON.parse(line);
    return JSON.stringify({ ...rest, certificate: { ...certificate, serial: index.toString(16), sha256: `${index}` } });
  });
  writeFileSync(file, `${earlier.join("\n")}\n`);
  const junk = await Promise.all(Array.from({ length: MAX_OBSERVED_UNPROVEN + 5 }, (_, index) => selfMade(`${index}`)));
  const unlisted = await issueCertificate({ subject: subjectOf("not listed") }, senders.root);
  const { statuses, kept } = await present([...junk.map((client) => [client] as const), [unlisted], [senders.acme]]);
  expect(statuses.slice(-2)).toEqual([401, 202]);
  const proven = kept.filter(({ isProven }) => isProven);
  expect(proven.map(({ certificate }) => certificate.subject)).toEqual([
    expect.stringContaining("not listed"),
    expect.stringContaining(ACME),
  ]);
});
