// Several processes on one inbox file, some of which are killed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { idsIn, store } from "../../support/dispatch.ts";
import { openTestInbox } from "../../support/origin.ts";

const PROGRAM = fileURLToPath(new URL("../../support/dispatcher-process.ts", import.meta.url));

interface Line {
  readonly name: string;
  readonly begins?: string;
  readonly ends?: string;
  readonly at?: number;
  readonly decision?: string;
  readonly id?: string;
}

let stack: AsyncDisposableStack;
let inbox: Inbox;
let file: string;
let lines: Line[];

beforeEach(() => {
  stack = new AsyncDisposableStack();
  ({ inbox, inboxFile: file } = openTestInbox(stack));
  lines = [];
});
afterEach(() => stack.disposeAsync());

/** From attempt number `holding` on it ends none before it is asked to stop. */
function startProcess(name: string, holding = ""): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, file, name, holding], { stdio: ["ignore", "pipe", "inherit"] });
  stack.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  createInterface({ input: child.stdout }).on("line", (text) => {
    // The last line of a process that is killed may be cut.
    try {
      lines.push(JSON.parse(text) as Line);
    } catch {}
  });
  return child;
}

/** Stores events, so that some always wait, until something came to pass. */
async function storeUntil(ids: string[], condition: () => boolean): Promise<void> {
  const storeMissing = async () => {
    for (let missing = 20 - (await idsIn(inbox, "waiting")).length; missing > 0; missing -= 1) {
      const id = `event-${String(ids.length).padStart(4, "0")}`;
      ids.push(id);
      await store(inbox, id);
    }
    return condition();
  };
  await expect.poll(storeMissing, { interval: 10 }).toBe(true);
}

test("what killed processes held is handled by the others: each event at least once, none lost, none twice at a time", async () => {
  const ids: string[] = [];
  let survivor = startProcess("p0");
  for (let round = 1; round <= 3; round += 1) {
    const victim = survivor;
    survivor = startProcess(`p${round}`);
    // It runs beside the other for a while, however long its start takes, and dies with attempts under way.
    await storeUntil(
      ids,
      () => lines.filter(({ name, ends }) => name === `p${round}` && ends !== undefined).length >= 3,
    );
    await storeUntil(ids, () => lines.findLast(({ name }) => name === `p${round - 1}`)?.begins !== undefined);
    victim.kill("SIGKILL");
    await once(victim, "exit");
  }
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(ids.length);
  await expect.poll(() => new Set(lines.flatMap(({ ends }) => ends ?? [])).size).toBe(ids.length);
  // An attempt that a kill cut has no end; any other of its event begins after it, and after the lease.
  for (const id of ids) {
    const own = lines
      .filter(({ begins, ends }) => begins === id || ends === id)
      .sort((a, b) => Number(a.at) - Number(b.at));
    for (const [index, line] of own.entries()) {
      const next = own[index + 1];
      if (line.begins === undefined || next === undefined) continue;
      if (next.ends === undefined) expect(Number(next.at) - Number(line.at)).toBeGreaterThan(700);
      else expect(next.name).toBe(line.name);
    }
  }
  // What a kill cut is on record, and so is what came after it.
  const histories = await Promise.all(ids.map(async (id) => (await inbox.attempts(id))?.records ?? []));
  const outcomes = histories.map((records) => records.map((record) => "outcome" in record && record.outcome));
  expect(outcomes.filter((each) => each.includes("abandoned")).length).toBeGreaterThan(0);
  for (const each of outcomes) expect(each.at(-1)).toBe("done");
});

test("a stopped process gives back or ends what it holds, and another goes on at once", async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `event-${index}`);
  for (const id of ids) await store(inbox, id);
  // However late it is asked to stop, it has not handled them all.
  const first = startProcess("first", "4");
  await expect.poll(() => lines.some(({ ends }) => ends !== undefined), { interval: 10 }).toBe(true);
  first.kill("SIGTERM");
  // Not "exit": output may still arrive after it.
  expect((await once(first, "close"))[0]).toBe(0);
  expect(await idsIn(inbox, "leased")).toEqual([]);
  const handled = await idsIn(inbox, "done");
  expect(handled.length).toBeLessThan(ids.length);
  expect(new Set(lines.flatMap(({ ends }) => ends ?? []))).toEqual(new Set(handled));
  const second = startProcess("second");
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(ids.length);
  second.kill("SIGTERM");
  await once(second, "close");
  // None was handled twice: the first process left no outcome unstored.
  expect(lines.filter(({ ends }) => ends !== undefined)).toHaveLength(ids.length);
});
