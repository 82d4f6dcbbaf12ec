// Tests `countersign inbox run` as an operator runs it while a dispatcher runs. Done events are handled again, in order, and each
// rerun is recorded. Runs with every store.

import { beforeEach, expect, test } from "vitest";
import type { Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { dispatchFrom, store } from "../../support/dispatch.ts";
import { describeOnStores, openTestInbox, runInbox } from "../../support/inbox-stores.ts";
import { ROOT, run } from "../../support/running.ts";

const START = Date.parse("2026-11-01T00:00:00Z");

describeOnStores("countersign inbox run", (given) => {
  let now: number;
  let inbox: Inbox;
  beforeEach(async () => {
    now = START;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => now });
  });

  const command = (...args: string[]) => runInbox(given.location, "run", ...args);
  const claim = () => inbox.work.claim(99, 60_000);
  /** Stores events one minute apart, and handles them in this order. */
  async function handle(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      const [id = "", orderKey] = name.split(":");
      await store(inbox, id, orderKey === undefined ? {} : { orderKey });
      for (const lease of await claim()) await inbox.work.complete(lease);
      now += 60_000;
    }
  }
  const statesOf = async () =>
    (await inbox.events({ limit: 99 })).reverse().map(({ id, state, reruns }) => `${id} ${state} ${reruns}`);

  test("hands the events of a filter to the handler again, in order, and records it", async () => {
    await handle("a", "b:o", "c:o", "d", "e:o");
    await store(inbox, "waiting");
    const asked = await command("--since", "2026-11-01T00:01Z");
    expect(asked).toMatchObject({ code: 2, stdout: "" });
    expect(asked.stderr).toBe("countersign: 4 done events: give --yes to hand them to the handler again\n");
    expect(await statesOf()).toEqual(["a done 0", "b done 0", "c done 0", "d done 0", "e done 0", "waiting waiting 0"]);
    const done = await command("--since", "2026-11-01T00:01Z", "--yes");
    expect(done).toEqual({ code: 0, stdout: "4 done events: they wait for the handler again\n", stderr: "" });
    expect(await inbox.event("b")).toMatchObject({
      state: "waiting",
      attempts: 0,
      reason: "run again by the operator",
    });

    const handled: [string, number][] = [];
    const own = await openInbox(given.location);
    dispatchFrom(given.stack, own, (_, { id, attempt }) => void handled.push([id, attempt]));
    await expect.poll(() => handled.length).toBeGreaterThanOrEqual(5);
    expect(handled.filter(([id]) => "bce".includes(id))).toEqual([["b", 1], ["c", 1], ["e", 1]]); // biome-ignore format: pairs
    expect(new Set(handled.map(([id]) => id))).toEqual(new Set(["b", "c", "d", "e", "waiting"]));
    await expect.poll(async () => (await inbox.event("e"))?.state).toBe("done");
    expect(await inbox.event("e")).toMatchObject({ reruns: 1, reason: undefined });
    expect(await inbox.event("a")).toMatchObject({ reruns: 0 });
  });

  test("accepts ids, says which are not done, and prints with --json what it did", async () => {
    await handle("a", "b");
    await store(inbox, "waiting");
    const { code, stdout, stderr } = await command("a", "waiting", "nothing", "--yes", "--json");
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'countersign: waiting is waiting\ncountersign: there is no event "nothing"\n',
    });
    expect(JSON.parse(stdout)).toEqual({ events: 1, erased: 0, dropped: 0, isRun: true });
    expect(await statesOf()).toEqual(["a waiting 1", "b done 0", "waiting waiting 0"]);
    expect(await command("waiting", "--yes")).toMatchObject({
      code: 1,
      stdout: "0 done events: nothing was changed\n",
    });
  });

  test("never handles an event after a later event with the same order key", async () => {
    await handle("a:o", "b:o", "x:other", "c:o");
    const refused = async (...args: string[]) => {
      const { code, stdout, stderr } = await command(...args, "--yes");
      expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
      return stderr;
    };
    expect(await refused("a")).toMatch(/a later one that was handled is not among these \(b\)/);
    expect(await refused("a", "b")).toMatch(/\(c\)/);
    expect(await refused("--until", "2026-11-01T00:02Z")).toMatch(/\(c\)/);
    expect(await statesOf()).toEqual(["a done 0", "b done 0", "x done 0", "c done 0"]);
    // An event with another order key, or of another sender, does not count as a later event.
    await store(inbox, "other sender", { sender: "other", orderKey: "o" } as never);
    for (const lease of await claim()) await inbox.work.complete(lease);

    await store(inbox, "d", { orderKey: "o" });
    const [held] = (await claim()) as [Lease];
    expect(held.event.id).toBe("d");
    const until = now;
    now = Date.now();
    await inbox.work.extend(held, 60_000);
    expect(await refused("b", "c")).toMatch(/is being handled now \(d\)/);
    now = until;
    await inbox.work.bury(held, "no");
    await store(inbox, "e", { orderKey: "o" });
    await inbox.drop("e", "not wanted");
    await store(inbox, "f", { orderKey: "o" });
    // Running `b` and `c` again keeps the order, because no later event was handled: `d` is dead, `e` was dropped, and `f` still
    // waits.
    expect(await command("c", "b", "--yes")).toMatchObject({ code: 0 });
    now = Date.now() + 1_000;
    const order: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const [lease, ...others] = (await claim()) as [Lease];
      expect(others).toEqual([]);
      order.push(lease.event.id);
      await inbox.work.complete(lease);
    }
    expect(order).toEqual(["b", "c", "f"]);
  });

  test("leaves out erased and dropped events, except a dropped one whose id is named", async () => {
    await handle("a", "b");
    now += 1_000;
    await inbox.prune({ bodySeconds: 30, eventSeconds: 9_999 });
    await store(inbox, "c");
    await inbox.drop("c", "test");
    await handle("d");
    const { stdout, code } = await command("--sender", "acme", "--yes");
    expect({ stdout, code }).toEqual({
      stdout:
        "1 done event (without 2 whose body is erased and 1 that were dropped, not handled): they wait for the handler again\n",
      code: 0,
    });
    expect(await command("a", "c", "--yes")).toMatchObject({
      code: 0,
      stdout: "1 done event (without 1 whose body is erased): they wait for the handler again\n",
    });
    expect(await statesOf()).toEqual(["a done 0", "b done 0", "c waiting 1", "d waiting 1"]);
  });

  test("asks on a terminal, and accepts only yes", async () => {
    await handle("a");
    const answer = (text: string) => {
      const program = `"${process.execPath}" cli/main.ts inbox run a --inbox '${given.location}'`;
      return run("script", ["-qec", `cd "${ROOT}" && ${program}`, "/dev/null"], text);
    };
    for (const text of ["n\n", "\n"]) {
      const { stdout, code } = await answer(text);
      expect(stdout).toMatch(/1 done event: hand them to the handler again\? \[y\/N\]/);
      expect(stdout).toContain("1 done event: nothing was changed");
      expect(code).toBe(1);
    }
    expect(await statesOf()).toEqual(["a done 0"]);
    expect(await answer("y\n")).toMatchObject({ code: 0, stdout: expect.stringContaining("they wait") });
    expect(await statesOf()).toEqual(["a waiting 1"]);
  });

  test("refuses arguments without a meaning in one sentence", async () => {
    for (const [args, told] of [
      [[], /name the ids of events, or select events by --since/],
      [["a", "--since", "1d"], /takes ids or filters, not both/],
      [["--state", "dead"], /--state has no effect with inbox run/],
      [["--since", "x"], /is not a time/],
    ] as const) {
      const { code, stdout, stderr } = await command(...args, "--yes");
      expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
      expect(stderr).toMatch(told);
    }
  });
});
