// Tests a sender that has presented very many certificates. Only the latest certificates are read and kept. Runs with every store.

import { beforeEach, expect, test } from "vitest";
import { issueCertificate } from "../../../cli/dev/authority.ts";
import { MAX_WATCHED_CERTIFICATES } from "../../../core/wire.ts";
import type { FirstSight, Inbox, Lease } from "../../../origin/inbox/inbox.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox } from "../../support/inbox-stores.ts";

const DAY = 86_400;
const MANY = MAX_WATCHED_CERTIFICATES + 30;

const identity = await issueCertificate({ subject: [{ CN: ["acme"] }] });

describeOnStores("certificates of a sender with many", (given) => {
  let now: number;
  let inbox: Inbox;
  let sights: FirstSight[];

  beforeEach(async () => {
    now = 1_800_000_000;
    sights = [];
    inbox = await openTestInbox(given.stack, given.location, {
      clock: () => now * 1000,
      onNewCertificate: (firstSights) => sights.push(...firstSights),
    });
  });

  /**
   * Inserts certificates that were last seen `seconds` ago. If `intermediates` is not JSON, reading the row fails. So the test
   * fails if a row is read that should not be read.
   */
  const insert = (count: number, seconds: number, intermediates = "'[]'") =>
    changeByHand(
      given.location,
      Array.from(
        { length: count },
        (_, index) =>
          `INSERT INTO certificate (sender, sha256, spki_sha256, issuer, subject, not_after, der, intermediates, first_seen, last_seen)
           VALUES ('acme', '${seconds} ${index}', 'key', 'CN=acme', 'CN=acme', 0, '', ${intermediates}, ${now - seconds - index}, ${now - seconds - index})`,
      ),
    );
  const accept = (id: string) =>
    inbox.accept(deliveryOf({ id, sender: "acme", identity }), { issuer: "direct", jti: id, expires: 0 });
  const prune = async () => {
    while ((await inbox.prune({ bodySeconds: 0, eventSeconds: 0 })) > 0);
  };
  const hashes = async () => (await inbox.certificates()).map(({ sha256 }) => sha256);

  test("are not all read when a new one arrives, or when expiry is checked", async () => {
    await insert(MAX_WATCHED_CERTIFICATES, 10);
    await insert(30, 1_000, "'this is not read'");
    await accept("a");
    expect(sights).toMatchObject([{ what: "new key", old: "key", since: now - 10 - MAX_WATCHED_CERTIFICATES + 1 }]);
    const latest = await inbox.latestCertificates(["acme", "unknown"]);
    expect(latest).toHaveLength(MAX_WATCHED_CERTIFICATES);
    expect(latest[0]).toMatchObject({ sender: "acme", der: identity.base64 });
    expect(latest.at(-1)?.sha256).toBe(`10 ${MAX_WATCHED_CERTIFICATES - 2}`);
    expect(await inbox.latestCertificates(["unknown"])).toEqual([]);
  });

  test("are erased when none of their events is left, except for the latest", async () => {
    await insert(MANY, 3 * DAY);
    await accept("a");
    await insert(5, 40 * DAY);
    // The oldest event is 4 days old. Certificates that were last seen less than 5 days ago are kept, because they may belong to an
    // event. The fifth day is a tolerance for clocks that differ. So the certificates that were last seen 3 days ago are kept, and
    // the 5 certificates that were last seen 40 days ago are erased.
    await inbox.accept(deliveryOf({ id: "b", sender: "beta" }), { issuer: "direct", jti: "b", expires: 0 });
    await changeByHand(given.location, [`UPDATE event SET accepted_at = ${now - 4 * DAY}`]);
    await prune();
    expect(await hashes()).toHaveLength(MANY + 1);
    for (const lease of (await inbox.work.claim(9, 1000)) as Lease[]) await inbox.work.complete(lease);
    now += 1;
    await prune();
    expect(await inbox.count()).toBe(0);
    const left = await hashes();
    expect(left).toHaveLength(MAX_WATCHED_CERTIFICATES);
    expect(left).toContain(`${3 * DAY} ${MAX_WATCHED_CERTIFICATES - 2}`);
    expect(left).not.toContain(`${3 * DAY} ${MAX_WATCHED_CERTIFICATES - 1}`);
  });

  test("are all kept if a sender has few, however old they are", async () => {
    await insert(MAX_WATCHED_CERTIFICATES, 400 * DAY);
    await prune();
    expect(await hashes()).toHaveLength(MAX_WATCHED_CERTIFICATES);
  });
});
