// Tests that every error of an inbox names the inbox, because nothing else in a log line with this error names it. The error never
// contains a password. Runs with every store.

import { expect, test } from "vitest";
import { Refusal } from "../../../core/refusal.ts";
import { describeInbox } from "../../../origin/inbox/location.ts";
import { openInboxReader } from "../../../origin/inbox/open.ts";
import { startRetention } from "../../../origin/inbox/retention.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";
import { PASSWORD } from "../../support/postgres.ts";

const RETENTION = { bodySeconds: 0, eventSeconds: 0 };

describeOnStores("an inbox whose tables are gone", (given) => {
  test("is named in every error", async () => {
    const inbox = await openTestInbox(given.stack, given.location);
    const reader = await openInboxReader(given.location);
    given.stack.defer(() => reader.close());
    const accept = (id: string) =>
      inbox.accept(deliveryOf({ id, sender: "acme" }), { issuer: "direct", jti: id, expires: 0 });
    await accept("a");
    const [lease] = await inbox.work.claim(1, 30_000);
    if (lease === undefined) throw new Error("nothing was leased");
    await changeByHand(
      given.location,
      ["event", "work", "certificate"].map((table) => `DROP TABLE ${table}`),
    );
    const failures: Record<string, () => Promise<unknown>> = {
      accept: async () => accept("b"),
      certificates: () => inbox.certificates(),
      latestCertificates: () => inbox.latestCertificates(["acme"]),
      event: () => inbox.event("a"),
      events: () => reader.events({ limit: 1 }),
      count: () => inbox.count(),
      retryNow: () => inbox.retryNow("a"),
      drop: () => inbox.drop("a", "no"),
      claim: () => inbox.work.claim(1, 30_000),
      complete: () => inbox.work.complete(lease),
      nextDueIn: () => inbox.work.nextDueIn(),
      prune: () => inbox.prune(RETENTION),
      retention: () => new Promise((_, reject) => given.stack.defer(startRetention(inbox, RETENTION, reject))),
    };
    for (const [what, run] of Object.entries(failures)) {
      const error = await run().then(
        () => new Error("nothing failed"),
        (error: unknown) => error as Error,
      );
      const message = error instanceof Refusal ? String(error.details["cause"]) : error.message;
      expect([what, message]).toEqual([what, expect.stringMatching(/event|work|certificate/)]);
      expect([what, message]).toEqual([what, expect.stringContaining(describeInbox(given.location))]);
      expect(`${JSON.stringify(error, Object.getOwnPropertyNames(error))}`).not.toContain(PASSWORD);
    }
  });
});
