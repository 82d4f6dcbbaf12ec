// Tests how the inbox counts the time that attempts took and the time that events waited. Runs with every store.

import { beforeEach, expect, test } from "vitest";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../../origin/inbox/location.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const START = Date.parse("2026-11-01T00:00:00Z") / 1000;
const HOUR = 3_600;
const NONE = [0, 0, 0, 0];

describeOnStores("durations", (given) => {
  let milliseconds: number;
  let inbox: Inbox;
  beforeEach(async () => {
    milliseconds = START * 1000;
    inbox = await openTestInbox(given.stack, given.location, { clock: () => milliseconds });
  });

  const accept = (id: string) =>
    inbox.accept(deliveryOf({ id, sender: "acme" }), { issuer: "edge", jti: id, expires: START + 10 * HOUR });

  async function lease() {
    const [found] = await inbox.work.claim(1, 600_000);
    if (found === undefined) throw new Error("nothing is due");
    return found;
  }

  test("are counted by limits: attempts that ended, and the time until events were done", async () => {
    await accept("quick");
    const quick = await lease();
    milliseconds += 40;
    await inbox.work.complete(quick);
    await accept("slow");
    const first = await lease();
    milliseconds += 2_500;
    await inbox.work.retry(first, 1_000, "broken");
    milliseconds += 60_000;
    const second = await lease();
    milliseconds += 15_000;
    await inbox.work.complete(second);
    await accept("dead");
    const dying = await lease();
    milliseconds += 500;
    await inbox.work.bury(dying, "broken");
    await accept("dropped");
    await inbox.drop("dropped", "by the operator");
    milliseconds += HOUR * 1000;
    await accept("waits");
    await lease();
    expect(await inbox.durations(START, HOUR, 2)).toEqual({
      isExact: true,
      spans: [
        { from: START, attempt: [1, 1, 1, 1], untilDone: [1, 0, 0, 1] },
        { from: START + HOUR, attempt: NONE, untilDone: NONE },
      ],
    });
    expect((await inbox.durations(START + HOUR, HOUR, 1)).spans).toEqual([
      { from: START + HOUR, attempt: NONE, untilDone: NONE },
    ]);
  });

  test("of an empty inbox are none", async () => {
    const { spans, isExact } = await inbox.durations(START, HOUR, 1);
    expect([spans, isExact]).toEqual([[{ from: START, attempt: NONE, untilDone: NONE }], true]);
  });

  test("of many events come from a sample, and say so", async () => {
    for (const id of ["first", "last"]) {
      await accept(id);
      await inbox.work.complete(await lease());
    }
    // Moves the second event far from the first, as if all events between them had been deleted. Then only every tenth sequence
    // number is read.
    const far = (table: string) => `UPDATE ${table} SET sequence = 19801 WHERE sequence = 2`;
    const free = isPostgresUrl(given.location) ? ["ALTER TABLE event ALTER COLUMN sequence DROP IDENTITY"] : [];
    await changeByHand(given.location, [...free, far("work"), far("event")]);
    const { spans, isExact } = await inbox.durations(START, HOUR, 1);
    expect([spans[0]?.attempt, isExact]).toEqual([[20, 0, 0, 0], false]);
  });
});
