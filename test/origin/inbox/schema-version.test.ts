// Tests a migration step that a later version adds, and an inbox of a version that this program does not know. Runs with every
// store.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { Inbox } from "../../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../../origin/inbox/location.ts";
import { openInbox, openInboxReader } from "../../../origin/inbox/open.ts";
import { STEPS as POSTGRES_STEPS } from "../../../origin/inbox/postgres/schema.ts";
import { FIRST_VERSION } from "../../../origin/inbox/schema-version.ts";
import { STEPS as SQLITE_STEPS } from "../../../origin/inbox/sqlite/schema.ts";
import { deliveryOf } from "../../support/inbox.ts";
import { changeByHand, describeOnStores, openTestInbox, runInbox } from "../../support/inbox-stores.ts";
import { withClient } from "../../support/postgres.ts";
import { temporaryDirectory } from "../../support/temporary.ts";

const NOW = 1_800_000_000;
const NOTE = "ALTER TABLE event ADD COLUMN note TEXT NOT NULL DEFAULT 'none'";
const FAILING = `${NOTE}; CREATE TABLE certificate (mine INTEGER)`;
/** The version of an inbox after the migration by a program that has one more migration step. */
const NEXT_VERSION = FIRST_VERSION + 1;

describeOnStores("the version of an inbox", (given) => {
  const open = () => openTestInbox(given.stack, given.location, { clock: () => NOW * 1000 });
  const accept = (inbox: Inbox, id: string) =>
    inbox.accept(deliveryOf({ id, sender: "acme" }), { issuer: "edge", jti: id, expires: NOW + 60 });
  const idsOf = async (inbox: Pick<Inbox, "events">) => (await inbox.events({ limit: 9 })).map(({ id }) => id).sort();
  const setVersion = (version: number) =>
    changeByHand(given.location, [
      isPostgresUrl(given.location) ? `UPDATE version SET version = ${version}` : `PRAGMA user_version = ${version}`,
    ]);

  /**
   * Adds a migration step to this program, as the next version would, until the end of the test. Returns a function that removes
   * the step.
   */
  function appendStep(step: string): () => void {
    const lists = [SQLITE_STEPS, POSTGRES_STEPS] as string[][];
    const lengths = lists.map((steps) => steps.push(step) - 1);
    const undo = () => {
      for (const [index, steps] of lists.entries()) steps.length = lengths[index] as number;
    };
    given.stack.defer(undo);
    return undo;
  }

  async function readVersion(): Promise<number> {
    if (isPostgresUrl(given.location)) {
      const { rows } = await withClient(given.location, (client) =>
        client.query("SELECT version FROM countersign.version"),
      );
      return Number(rows[0]?.["version"]);
    }
    using database = new DatabaseSync(given.location, { readOnly: true });
    return Number(database.prepare("PRAGMA user_version").get()?.["user_version"]);
  }

  test("rises when an origin with one more step opens it: its events are kept, and readers must wait for that", async () => {
    const before = await open();
    await accept(before, "a");
    await before.close();
    expect(await readVersion()).toBe(FIRST_VERSION);
    appendStep(NOTE);
    await expect(openInboxReader(given.location)).rejects.toThrow(
      /is an inbox of version 10, this program reads version 11: start an origin on it once/,
    );
    expect(await readVersion()).toBe(FIRST_VERSION);
    const inbox = await open();
    expect(await readVersion()).toBe(NEXT_VERSION);
    await changeByHand(given.location, ["UPDATE event SET note = 'the column is there'"]);
    await accept(inbox, "b");
    const reader = await openInboxReader(given.location);
    given.stack.defer(() => reader.close());
    expect(await idsOf(reader)).toEqual(["a", "b"]);
    expect((await inbox.work.claim(9, 30_000)).map(({ event }) => event.id)).toEqual(["a", "b"]);
    // A second start runs no migration step.
    await (await open()).close();
    expect(await readVersion()).toBe(NEXT_VERSION);
  });

  test("may rise while an origin of the previous version runs, which continues until it is stopped", async () => {
    const before = await open();
    await accept(before, "a");
    appendStep(NOTE);
    const inbox = await open();
    await accept(before, "b");
    await accept(inbox, "c");
    await expect(accept(before, "c")).rejects.toMatchObject({ code: "replayed" });
    expect(await idsOf(before)).toEqual(["a", "b", "c"]);
    const [first, ...others] = await before.work.claim(9, 30_000);
    expect([first?.event.id, ...others.map(({ event }) => event.id)]).toEqual(["a", "b", "c"]);
    for (const lease of others) expect(await inbox.work.complete(lease)).toBe(true);
  });

  test("stays, with all tables, when a step fails", async () => {
    const before = await open();
    await accept(before, "a");
    await before.close();
    const undo = appendStep(FAILING);
    await expect(openInbox(given.location)).rejects.toThrow(/already exists/);
    expect(await readVersion()).toBe(FIRST_VERSION);
    undo();
    // This statement fails if the first statement of the failed step was kept.
    await changeByHand(given.location, [NOTE]);
    expect(await idsOf(await open())).toEqual(["a"]);
  });

  test("that is newer is refused, and not changed", async () => {
    const undo = appendStep(NOTE);
    await (await open()).close();
    undo();
    const newer =
      /is an inbox of version 11; this program knows versions up to 10: use the newer one that wrote it, or restore a backup/;
    await expect(openInbox(given.location)).rejects.toThrow(newer);
    await expect(openInboxReader(given.location)).rejects.toThrow(newer);
    expect(await readVersion()).toBe(NEXT_VERSION);
  });

  test.each([1, 7, FIRST_VERSION - 1])(
    "that is %d, from before the first release, is refused with what to do, and not changed",
    async (version) => {
      await (await open()).close();
      await setVersion(version);
      const old = new RegExp(
        `is an inbox of version ${version}, from before the first release, .*: export its events with the program that wrote it, then delete it$`,
      );
      await expect(openInbox(given.location)).rejects.toThrow(old);
      await expect(openInboxReader(given.location)).rejects.toThrow(old);
      const backup = join(temporaryDirectory(given.stack), "a.backup");
      expect(await runInbox(given.location, "backup", backup)).toMatchObject({
        ...{ code: 2, stdout: "" },
        stderr: expect.stringContaining(`version ${version}, from before the first release`),
      });
      expect(await readVersion()).toBe(version);
    },
  );

  test("of a backup may be lower by a step: it is restored, and stays as it is", async () => {
    const folder = temporaryDirectory(given.stack);
    const [old, file] = [join(folder, "old.sqlite"), join(folder, "a.backup")];
    const source = await openTestInbox(given.stack, old);
    await accept(source, "a");
    expect(await runInbox(old, "backup", file)).toMatchObject({ code: 0 });
    const bytes = readFileSync(file);
    appendStep(NOTE);
    expect(await runInbox(given.location, "restore", file)).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(file).equals(bytes)).toBe(true);
    expect(await readVersion()).toBe(NEXT_VERSION);
    const inbox = await open();
    await expect(accept(inbox, "a")).rejects.toMatchObject({ code: "replayed" });
    expect((await inbox.work.claim(9, 30_000)).map(({ event }) => event.id)).toEqual(["a"]);
  });
});
