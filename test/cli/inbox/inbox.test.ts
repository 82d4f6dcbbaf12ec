// Tests `countersign inbox` as an operator runs it while a dispatcher runs.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { runHere } from "../../support/command.ts";
import { dispatch, idsIn, stateOf, store } from "../../support/dispatch.ts";
import { openTestInbox } from "../../support/origin.ts";
import { ROOT, run } from "../../support/running.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

let stack: AsyncDisposableStack;
let inbox: Inbox;
let file: string;

beforeEach(() => {
  stack = new AsyncDisposableStack();
  ({ inbox, inboxFile: file } = openTestInbox(stack));
});
afterEach(() => stack.disposeAsync());

const command = (action: string, ...args: string[]) => runHere(["inbox", action, ...args, "--inbox", file]);
const linesOf = (text: string) =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** Stores three events: one is done, one is dead, and one waits. */
async function storeThree(): Promise<void> {
  for (const id of ["good", "bad", "later"]) await store(inbox, id, id === "bad" ? { sender: "other" } : {});
  const [good, bad] = await inbox.work.claim(2, 60_000);
  if (good === undefined || bad === undefined) throw new Error("nothing claimed");
  await inbox.work.complete(good);
  await inbox.work.bury(bad, "\u001b[2J\u202emessage");
}

describe("list", () => {
  test("shows state, sender, attempts and reason, newest first, and with escaped control characters", async () => {
    await storeThree();
    const { code, stdout } = await command("list");
    expect(code).toBe(0);
    const [headings, ...rows] = stdout.trimEnd().split("\n");
    expect(headings).toMatch(/^id +state +sender +accepted +attempts +due or finished +reason$/);
    expect(rows.map((row) => row.split(/ +/).slice(0, 3))).toEqual([
      ["later", "waiting", "acme"],
      ["bad", "dead", "other"],
      ["good", "done", "acme"],
    ]);
    expect(rows[1]).toMatch(/\\u001b\[2J\\u202emessage$/);
    expect(stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });

  test("--json has a line for each event with its digest, and filters by state, sender and number", async () => {
    await storeThree();
    const list = async (...args: string[]) => linesOf((await command("list", "--json", ...args)).stdout);
    const [dead, ...none] = await list("--state", "dead");
    expect(none).toEqual([]);
    expect(dead).toMatchObject({
      id: "bad",
      state: "dead",
      sender: "other",
      attempts: 1,
      bodyBytes: 15,
      duplicates: 0,
    });
    expect(dead.contentDigest).toMatch(/^sha-256=:.+:$/);
    expect(dead.reason).toBe("\u001b[2J\u202emessage");
    expect((await list("--sender", "acme")).map(({ id }) => id)).toEqual(["later", "good"]);
    expect((await list("--limit", "1")).map(({ id }) => id)).toEqual(["later"]);
    expect(await list("--sender", "nobody")).toEqual([]);
    expect((await command("list", "--json")).stdout).not.toMatch(/(?!\n)[\p{Cc}\p{Cf}]/u);
  });
});

test("show prints everything about one event, and --body prints only its bytes", async () => {
  const body = Uint8Array.from({ length: 512 }, (_, index) => index);
  const { formatContentDigest } = await import("../../../core/delivery/delivery.ts");
  await store(inbox, "one", { body, contentDigest: formatContentDigest(body), headers: [["x-a", "b\u0007"]] });
  const text = await command("show", "one");
  expect(text.stdout).toMatch(/^id +one\nstate +waiting\n/);
  expect(text.stdout).toMatch(/\nfactors +hmac\n/);
  expect(text.stdout).toMatch(/\n\nx-a: b\\u0007\n$/);
  expect(linesOf((await command("show", "one", "--json")).stdout)).toMatchObject([
    { id: "one", state: "waiting", factors: ["hmac"], bodyBytes: 512, request: { method: "POST" } },
  ]);
  const out = join(temporaryDirectory(stack), "body");
  const args = `"${process.execPath}" cli/main.ts inbox show one --body --inbox "${file}" > "${out}"`;
  expect((await run("sh", ["-c", `cd "${ROOT}" && ${args}`])).code).toBe(0);
  const { readFileSync } = await import("node:fs");
  expect(readFileSync(out).equals(Buffer.from(body))).toBe(true);
  expect(await command("show", "none")).toMatchObject({ code: 2, stderr: expect.stringMatching(/no event "none"/) });
});

test("show prints each attempt, and each action of an operator", async () => {
  const statuses = [503, 410, 200];
  const { lines } = dispatch(stack, file, () => new Response(null, { status: statuses.shift() ?? 500 }));
  await store(inbox, "a");
  await lines.with({ id: "a", decision: "dead" });
  expect(await command("retry", "a")).toMatchObject({ code: 0 });
  await lines.with({ id: "a", decision: "dispatched" });
  const { stdout } = await command("show", "a");
  expect(stdout.slice(stdout.indexOf("\nattempt "))).toMatch(
    /^\nattempt +began +took +outcome +status +next or reason\n1 +\S+Z +\d+\.\d{3} s +retry +503 +due \S+Z: answered 503\n2 +\S+Z +\S+ s +dead +410 +answered 410 Gone\n {2,}\S+Z +operator: retry\n1 +\S+Z +\S+ s +done +200\n$/,
  );
  const [shown] = linesOf((await command("show", "a", "--json")).stdout);
  expect(shown).toMatchObject({ attempts: 1, recordsLeftOut: 0 });
  expect(shown.records).toMatchObject([
    { kind: "attempt", number: 1, outcome: "retry", status: 503, reason: "answered 503" },
    { kind: "attempt", number: 2, outcome: "dead", status: 410 },
    { kind: "operator", action: "retry" },
    { kind: "attempt", number: 1, outcome: "done", status: 200 },
  ]);
  expect(Date.parse(shown.records[0].dueAt)).toBeGreaterThanOrEqual(Date.parse(shown.records[0].endedAt));
});

test("retry makes a dead event due while an origin runs, and drop ends one without handling it", async () => {
  let isMended = false;
  const handled: string[] = [];
  const { lines } = dispatch(
    stack,
    file,
    ({ id }) => {
      if (!isMended) throw new Error("broken");
      handled.push(id);
    },
    { maxAttempts: 1 },
  );
  for (const id of ["a", "b"]) await store(inbox, id);
  await expect.poll(() => idsIn(inbox, "dead")).toHaveLength(2);
  isMended = true;
  expect(await command("retry", "a")).toMatchObject({ code: 0, stdout: "a is due now\n" });
  await lines.with({ id: "a", decision: "dispatched" });
  expect(linesOf((await command("drop", "b", "--reason", "test event", "--json")).stdout)).toEqual([
    { id: "b", isChanged: true, state: "done" },
  ]);
  expect(await inbox.event("b")).toMatchObject({ state: "done", reason: "test event" });
  const again = await command("retry", "a", "nothing");
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toMatch(/a is done\n.*there is no event "nothing"/);
  expect(handled).toEqual(["a"]);
  expect(await stateOf(inbox, "a")).toBe("done");
});

test("a missing inbox is not created, and a file that is not an inbox is not changed", async () => {
  const other = join(temporaryDirectory(stack), "other.sqlite");
  for (const action of [["list"], ["show", "x"], ["retry", "x"], ["drop", "x"]]) {
    expect(await runHere(["inbox", ...action, "--inbox", other])).toMatchObject({ code: 2 });
  }
  writeFileSync(other, "no database at all, and long enough to be looked at as one");
  expect(await runHere(["inbox", "retry", "x", "--inbox", other])).toMatchObject({ code: 2 });
  for (const wrong of [["list", "--state", "lost"], ["list", "--limit", "0"], ["show"], ["retry"], ["nothing"]]) {
    expect(await runHere(["inbox", ...wrong, "--inbox", file])).toMatchObject({ code: 2 });
  }
});
