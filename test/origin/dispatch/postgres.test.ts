// Tests several origins that dispatch events from the same database.

import { afterAll, beforeAll, expect, test } from "vitest";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { openInbox } from "../../../origin/inbox/open.ts";
import { runHere } from "../../support/command.ts";
import { dispatchFrom, idsIn, store } from "../../support/dispatch.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres.ts";

const stack = new AsyncDisposableStack();
let server: PostgresServer;
let url: string;
let inbox: Inbox;

beforeAll(async () => {
  server = await startPostgres(stack);
  url = await server.createDatabase();
  inbox = await openInbox(url);
  stack.defer(() => inbox.close());
});
afterAll(() => stack.disposeAsync());

test("several origins handle each event once, in order if requested, and a poison event blocks no other event", async () => {
  const free = Array.from({ length: 60 }, (_, index) => `free-${index}`);
  const ordered = Array.from({ length: 10 }, (_, index) => `ordered-${index}`);
  for (const id of [...free, "poison", ...ordered]) {
    await store(inbox, id, id.startsWith("ordered") ? { orderKey: '["o"]' } : {});
  }
  const handled: string[] = [];
  const running = new Set<string>();
  const handler = async ({ id }: { readonly id: string }) => {
    expect(running.has(id)).toBe(false);
    running.add(id);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
    running.delete(id);
    // PostgreSQL cannot store U+0000 in a text.
    if (id === "poison") throw new Error("bad\u0000\ud800");
    handled.push(id);
  };
  const origins = await Promise.all(Array.from({ length: 3 }, () => openInbox(url)));
  const dispatching = origins.map((own) => dispatchFrom(stack, own, handler, { maxAttempts: 3, concurrency: 4 }));
  await expect.poll(() => idsIn(inbox, "done")).toHaveLength(70);
  await expect.poll(() => idsIn(inbox, "dead")).toHaveLength(1);
  expect(handled.filter((id) => id.startsWith("ordered"))).toEqual(ordered);
  expect(new Set(handled).size).toBe(handled.length);
  for (const { lines } of dispatching) expect(lines.all.length).toBeGreaterThan(0);
  const list = await runHere(["inbox", "list", "--inbox", url, "--state", "dead", "--json"]);
  expect(JSON.parse(list.stdout)).toMatchObject({ id: "poison", reason: "Error: bad \ufffd (the last of 3 attempts)" });
  expect(await runHere(["inbox", "drop", "poison", "--inbox", url])).toMatchObject({ code: 0 });
  expect(await idsIn(inbox, "dead")).toEqual([]);
});

test("an event is handled once if the database is down when its outcome is stored", async () => {
  // The event is in a database of its own, so that no other origin leases it.
  const own = await openInbox(await server.createDatabase());
  await store(own, "outage");
  let handled = 0;
  const handler = async () => {
    handled += 1;
    await server.stop();
  };
  // The limits are long, because the database server needs some time to stop.
  const limits = { leaseMilliseconds: 60_000, deadlineMilliseconds: 30_000 };
  const { lines } = dispatchFrom(stack, own, handler, limits);
  await lines.with({ code: "outcome_not_stored", id: "outage" });
  // Gives the dispatcher time to try again to store the outcome. Only the first failure is logged.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  await server.start();
  expect(await lines.with({ decision: "dispatched", id: "outage" })).toMatchObject({ attempt: 1 });
  expect(lines.all.filter(({ code, id }) => code === "outcome_not_stored" && id === "outage")).toHaveLength(1);
  expect(handled).toBe(1);
});
