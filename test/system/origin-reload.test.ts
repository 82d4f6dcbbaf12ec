// Runs `countersign origin` behind the edge, as a separate process. The origin's policy and the edge's keys are replaced meanwhile.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import { forwardedRequest } from "../support/forgery.ts";
import { exchange } from "../support/http.ts";
import { type Running, startCountersign } from "../support/running.ts";
import { AUDIENCE, BETA, createSenders, ISSUER, type Senders } from "../support/senders.ts";
import { newSigningKey } from "../support/signing-key.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { replaceFile } from "../support/tls-process.ts";

const stack = new AsyncDisposableStack();
let senders: Senders;
let key: PrivateJwk;
let origin: Running;
let files: { readonly policy: string; readonly jwks: string };

beforeAll(async () => {
  senders = await createSenders();
  key = await newSigningKey();
  const directory = temporaryDirectory(stack);
  files = { policy: join(directory, "policy.json"), jwks: join(directory, "jwks.json") };
  writeFileSync(files.policy, JSON.stringify(senders.policy));
  writeFileSync(files.jwks, JSON.stringify({ keys: [publicJwk(key)] }));
  origin = await startCountersign([
    ...["origin", "--issuer", ISSUER, "--audience", AUDIENCE, "--jwks", files.jwks, "--policy", files.policy],
    ...["--inbox", join(directory, "inbox.sqlite"), "--port", "0"],
  ]);
  stack.defer(() => void origin.process.kill("SIGKILL"));
});
afterAll(() => stack.disposeAsync());

async function send(signedBy = key): Promise<number> {
  const event = { key: signedBy, identity: senders.acme, policyDigest: compilePolicy(senders.policy).digest };
  return (await exchange({ url: origin.ready["origin"] ?? "", ...forwardedRequest(event) })).status;
}

/** Makes a change that causes a reload. Returns the log line of the reload. */
function reloading(change: () => void, decision = "reloaded"): Promise<Record<string, unknown>> {
  const start = origin.lines.length;
  change();
  return origin.line({ decision }, start);
}

test("a policy replaced as a file is in force with the next request; a broken one is not", async () => {
  const { policy } = senders;
  expect(await send()).toBe(202);
  const routes = { ...policy.routes, "/hooks/acme": { senders: [BETA], methods: ["POST"] } };
  const line = await reloading(() => replaceFile(files.policy, JSON.stringify({ ...policy, routes })));
  expect(line["policy"]).toBe(compilePolicy({ ...policy, routes }).digest);
  expect(await send()).toBe(403);
  const refused = await reloading(() => replaceFile(files.policy, "{"), "failed");
  expect(refused).toMatchObject({ code: "reload_refused", policy: line["policy"] });
  expect(await send()).toBe(403);
  await reloading(() => replaceFile(files.policy, JSON.stringify(policy)));
  expect(await send()).toBe(202);
});

test("a key that was removed from the file is no longer accepted, and a new one is", async () => {
  const next = await newSigningKey();
  const before = JSON.stringify({ keys: [publicJwk(key)] });
  expect(await send(next)).toBe(401);
  await reloading(() => replaceFile(files.jwks, JSON.stringify({ keys: [publicJwk(next)] })));
  expect(await send(next)).toBe(202);
  expect(await send(key)).toBe(401);
  await reloading(() => replaceFile(files.jwks, "{}"), "failed");
  expect(await send(next)).toBe(202);
  await reloading(() => replaceFile(files.jwks, before));
  expect(await send(key)).toBe(202);
});

test("SIGHUP reloads, and SIGTERM still ends the program cleanly", async () => {
  await reloading(() => origin.process.kill("SIGHUP"));
  expect(await send()).toBe(202);
  expect(await origin.stop()).toBe(0);
});
