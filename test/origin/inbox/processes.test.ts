// Tests processes that share an inbox, and processes that are killed while they write to the inbox. Runs with every store.

import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { expect, test } from "vitest";
import { describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

type Writer = ChildProcessByStdio<Writable, Readable, null>;

describeOnStores("processes", (given) => {
  function start(...args: string[]): { readonly child: Writer; readonly lines: () => string[] } {
    const stdio = ["pipe", "pipe", "inherit"] as const;
    const child: Writer = spawn(process.execPath, ["test/support/inbox-process.ts", given.location, ...args], {
      stdio: [...stdio],
    });
    given.stack.defer(() => void child.kill("SIGKILL"));
    const chunks: string[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(String(chunk)));
    // An incomplete line does not count as a report of a stored event.
    return { child, lines: () => chunks.join("").split("\n").slice(0, -1) };
  }

  test("that are killed at any moment leave only complete events, and all that they reported", async () => {
    const told: string[] = [];
    for (let round = 0; round < 4; round += 1) {
      const { child, lines } = start("stream", String(round));
      await once(child.stdout, "data");
      await new Promise((resolve) => setTimeout(resolve, 30 + round * 41));
      child.kill("SIGKILL");
      await once(child, "close");
      told.push(...lines());
    }
    const inbox = await openTestInbox(given.stack, given.location);
    const stored = await inbox.events({ limit: 100_000 });
    const ids = new Set(stored.map(({ id }) => id));
    expect(told.filter((id) => !ids.has(id))).toEqual([]);
    expect(told.length).toBeGreaterThan(4);
    expect(stored.filter(({ state, bodyBytes, id }) => state !== "waiting" || bodyBytes !== id.length)).toEqual([]);
    expect(ids.size).toBe(stored.length);
    // A server may still commit events of a killed process, so there may be more events now than were read above. Each event must
    // be leased at most once, and all events that were read above must be leased.
    const leased: string[] = [];
    for (let found = 1; found > 0; ) {
      const leases = await inbox.work.claim(1000, 60_000);
      found = leases.length;
      leased.push(...leases.map(({ event }) => event.id));
    }
    expect(new Set(leased).size).toBe(leased.length);
    expect([...ids].filter((id) => !leased.includes(id))).toEqual([]);
  });

  test("that start at the same time with an empty inbox and the same events store each event once", async () => {
    const writers = Array.from({ length: 3 }, (_, n) => start("same", `writer ${n}`));
    await Promise.all(writers.map(({ child }) => once(child.stdout, "data")));
    for (const { child } of writers) child.stdin.write("go\n");
    await Promise.all(writers.map(({ child }) => once(child, "close")));
    const stored = writers.map(({ lines }) => JSON.parse(lines()[1] ?? "{}").stored as number);
    expect(stored.reduce((sum, count) => sum + count)).toBe(300);
    const events = await (await openTestInbox(given.stack, given.location)).events({ limit: 1000 });
    expect(events).toHaveLength(300);
    expect(events.filter(({ duplicates, hasConflict }) => duplicates !== 2 || hasConflict)).toEqual([]);
  });
});
