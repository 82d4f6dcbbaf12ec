// Tests several processes that use one inbox file. Some of the processes are killed.

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

/** Starts a process. From attempt number `holding` on, no attempt ends until the process gets the signal to stop. */
function startProcess(name: string, holding = ""): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, file, name, holding], { stdio: ["ignore", "pipe", "inherit"] });
  stack.defer(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  createInterface({ input: child.stdout }).on("line", (text) => {
    // The last line of a killed process may be incomplete.
    try {
      lines.push(JSON.parse(text) as Line);
    } catch {}
  });
  return child;
}

/** Stores events until the condition is true, so that there are always events that wait. */
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

test("other processes handle the events of killed ones: each at least once, none lost, none twice at a time", async () => {
  const ids: string[] = [];
  let survivor = startProcess("p0");
  for (let round = 1; round <= 3; round += 1) {
    const victim = survivor;
    survivor = startProcess(`p${round}`);
    // Waits until the new process, which may start slowly, has ended three attempts. So both processes have run at the same time.
    // Then waits until the old process begins an attempt, and kills the old process.
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
  // An attempt of a killed process has no line with `ends`. The next attempt for the same event begins only after the lease has
  // expired. The lease of five seconds may begin some time before the line that says so, on a busy machine.
  for (const id of ids) {
    const own = lines
      .filter(({ begins, ends }) => begins === id || ends === id)
      .sort((a, b) => Number(a.at) - Number(b.at));
    for (const [index, line] of own.entries()) {
      const next = own[index + 1];
      if (line.begins === undefined || next === undefined) continue;
      if (next.ends === undefined) expect(Number(next.at) - Number(line.at)).toBeGreaterThan(2_500);
      else expect(next.name).toBe(line.name);
    }
  }
  // The killed attempts are recorded, and also the attempts after them.
  const histories = await Promise.all(ids.map(async (id) => (await inbox.attempts(id))?.records ?? []));
  const outcomes = histories.map((records) => records.map((record) => "outcome" in record && record.outcome));
  expect(outcomes.filter((each) => each.includes("abandoned")).length).toBeGreaterThan(0);
  for (const each of outcomes) expect(each.at(-1)).toBe("done");
});

test("a stopped process releases or ends its attempts, and another one continues at once", async () => {
  const ids = Array.from({ length: 30 }, (_, index) => `event-${index}`);
  for (const id of ids) await store(inbox, id);
  // This process handles three events, and its later attempts wait for the signal. So some events are left, even if the signal
  // arrives late.
  const first = startProcess("first", "4");
  await expect.poll(() => lines.some(({ ends }) => ends !== undefined), { interval: 10 }).toBe(true);
  first.kill("SIGTERM");
  // Waits for "close", because output may still arrive after "exit".
  expect((await once(first, "close"))[0]).toBe(0);
  expect(await idsIn(inbox, "leased")).toEqual([]);
  const handled = await idsIn(inbox, "done");
  expect(handled.length).toBeLessThan(ids.length);
  expect(new Set(lines.flatMap(({ ends }) => ends ?? []))).toEqual(new Set(handled));
  const second = startProcess("second");
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(ids.length);
  second.kill("SIGTERM");
  await once(second, "close");
  // No event was handled twice, because the first process stored all its outcomes.
  expect(lines.filter(({ ends }) => ends !== undefined)).toHaveLength(ids.length);
});
