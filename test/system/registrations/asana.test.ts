// Plays Asana, which makes the key of a webhook while the user registers the webhook. Asana sends the key to the webhook's URL in
// the handshake, and to the user in the response to the registration. Events that are signed with the key are refused until the
// user has put the key into the secret file. Asana sends the refused events again.

import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { temporaryDirectory } from "../../support/temporary.ts";
import { createUser, type Listening } from "./world.ts";

const KEY = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81";
const ROUTE = "/hooks/asana";

const stack = new AsyncDisposableStack();
let listening: Listening;
let secretFile: string;
let policy: string;

beforeAll(async () => {
  const user = await createUser(stack);
  await user.add("--preset", "asana");
  policy = readFileSync(join(user.write("none.pem"), "../policy.json"), "utf8");
  secretFile = join(temporaryDirectory(stack), "asana");
  writeFileSync(secretFile, "a random text until Asana has made the key");
  listening = await user.start({ ASANA_WEBHOOK_SECRET_FILE: secretFile });
});
afterAll(() => stack.disposeAsync());

/** Sends the handshake of a webhook with this key. Returns true if Asana would create the webhook. */
async function register(key: string): Promise<boolean> {
  const { status, headers } = await listening.send(undefined, {
    target: ROUTE,
    headers: [["X-Hook-Secret", key]],
    body: "{}",
  });
  return status === 200 && headers["x-hook-secret"] === key;
}

async function deliver(key: string): Promise<number> {
  const body = JSON.stringify({ events: [{ action: "changed", resource: { gid: "1337", resource_type: "task" } }] });
  const headers = [
    ["Content-Type", "application/json"],
    ["X-Hook-Signature", createHmac("sha256", key).update(body).digest("hex")],
  ] as const;
  return (await listening.send(undefined, { target: ROUTE, headers, body })).status;
}

test("the preset answers handshakes for a day", () => {
  const { until } = JSON.parse(policy).senders.asana.handshake;
  const seconds = (Date.parse(until) - Date.now()) / 1000;
  expect(seconds).toBeGreaterThan(86_400 - 600);
  expect(seconds).toBeLessThanOrEqual(86_400);
});

test("the webhook is created, and its events arrive when the user has set the key that Asana's answer names", async () => {
  expect(await register(KEY)).toBe(true);
  expect(await deliver(KEY)).toBe(401);
  const before = listening.lines.length;
  writeFileSync(secretFile, KEY);
  await listening.line({ decision: "reloaded" }, before);
  expect(await deliver(KEY)).toBe(202);
  expect(listening.stored()).toBe(1);
});

test("a stranger gets an answer, and their key signs nothing that is accepted", async () => {
  expect(await register("the key of a stranger")).toBe(true);
  expect(await deliver("the key of a stranger")).toBe(401);
  expect(await deliver(KEY)).toBe(202);
});
