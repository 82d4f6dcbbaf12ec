// Tests a listener for senders that sign and present no certificate. Some configurations of this listener start, others do not.

import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { HeaderList } from "../../support/http.ts";
import { startCountersign } from "../../support/running.ts";
import { sendOnce } from "../../support/tls-client.ts";
import {
  endProcess,
  startTlsProcess,
  type TlsFiles,
  type TlsProcess,
  writeTlsFiles,
} from "../../support/tls-process.ts";

const SECRET = "a-secret-of-github-for-tests";
const BODY = '{"zen":"Design for failure."}';
const github = { signature: { scheme: "github" as const, secrets: ["GITHUB_SECRET"] } };
const route = { senders: ["github"], methods: ["POST" as const] };
const signed = (secret: string) => ({
  target: "/github",
  body: BODY,
  headers: [["X-Hub-Signature-256", `sha256=${createHmac("sha256", secret).update(BODY).digest("hex")}`]] as HeaderList,
});

/** Returns a policy whose only sender signs. */
const alone = (): PolicyDocument => ({ anchors: {}, senders: { github }, routes: { "/github": route } });
/** Adds the sender that signs to a policy whose other senders present certificates. */
const beside = (policy: PolicyDocument): PolicyDocument => ({
  ...policy,
  senders: { ...policy.senders, github },
  routes: { ...policy.routes, "/github": route },
});

const stack = new AsyncDisposableStack();
let files: TlsFiles;
let origin: TlsProcess;
beforeAll(async () => {
  process.env["GITHUB_SECRET"] = SECRET;
  stack.defer(() => void delete process.env["GITHUB_SECRET"]);
  files = await writeTlsFiles(stack, alone);
  origin = await startTlsProcess(stack, files);
});
afterAll(() => stack.disposeAsync());

test("a policy without any anchor starts, and its sender is admitted by its signature alone", async () => {
  expect((await sendOnce(origin.server, undefined, signed(SECRET))).status).toBe(202);
  expect((await sendOnce(origin.server, undefined, signed("another secret"))).status).toBe(401);
  // The listener does not ask for a certificate. So a client with a certificate gets the same verdict as a client without one.
  expect((await sendOnce(origin.server, files.senders.acme, signed("another secret"))).status).toBe(401);
  expect((await sendOnce(origin.server, files.senders.acme, signed(SECRET))).status).toBe(202);
});

test("a connection without a certificate is no fault where none is asked for", async () => {
  const start = origin.lines.length;
  await sendOnce(origin.server, undefined, signed(SECRET));
  await origin.line({ decision: "accepted" }, start);
  expect(origin.lines.slice(start).filter(({ decision }) => decision === "handshake")).toEqual([]);
});

describe("--client-certificates require does not start with a sender that has none", () => {
  test.each([
    ["alone", alone],
    ["beside others", beside],
  ])("%s", async (_, change) => {
    const { policy, args, senders } = files;
    writeFileSync(policy, JSON.stringify(change(senders.policy)));
    const requiring = args.map((argument) => (argument === "request" ? "require" : argument));
    await expect(startCountersign(requiring)).rejects.toThrow(
      /\/senders\/github: presents no certificate, so --client-certificates require .* use request/,
    );
  });

  test("and starts with it once they are requested only", async () => {
    const { policy, args, senders } = files;
    writeFileSync(policy, JSON.stringify(beside(senders.policy)));
    const running = await startCountersign(args);
    await endProcess(running);
  });
});
