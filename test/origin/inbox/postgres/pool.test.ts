// Tests the settings of a connection that belongs to the inbox, and of a session that a pooler lends for one transaction.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { answersPooler, openPool, type PostgresPool } from "../../../../origin/inbox/postgres/pool.ts";
import { readPostgresUrl } from "../../../../origin/inbox/postgres/url.ts";
import { askShared } from "../../../support/ask-shared.ts";
import { missingPostgres } from "../../../support/inbox-stores.ts";
import { missingPgBouncer, startPgBouncer } from "../../../support/pgbouncer.ts";
import { withClient } from "../../../support/postgres.ts";

const RULES = `
  SELECT current_setting('search_path') AS path, current_setting('synchronous_commit') AS commits,
         current_setting('transaction_isolation') AS isolation, current_setting('transaction_read_only') AS "readOnly",
         current_setting('statement_timeout') AS statement, current_setting('plan_cache_mode') AS plans,
         current_setting('enable_seqscan') AS scans, current_setting('idle_in_transaction_session_timeout') AS idle`;
/** The settings of this test's database. They differ from the settings that the inbox needs. */
const DEFAULTS = [
  "synchronous_commit TO off",
  "default_transaction_isolation TO serializable",
  "default_transaction_read_only TO on",
];

describe.skipIf(missingPostgres() ?? missingPgBouncer())("a pool of connections", () => {
  const stack = new AsyncDisposableStack();
  const urls = { direct: "", pooled: "" };
  const open = (place: keyof typeof urls, isPooled: boolean, isReadOnly = false, isByIndex = false): PostgresPool => {
    const pool = openPool(readPostgresUrl(urls[place]), { isPooled, isReadOnly, isByIndex, connections: 1 });
    stack.defer(() => pool.close());
    return pool;
  };
  /**
   * Returns the prepared statements in the pool's only session. The statements of other programs have other names, and are left
   * out.
   */
  const preparedBy = async (pool: PostgresPool) =>
    (await pool.query("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'countersign%'")).rows;

  beforeAll(async () => {
    urls.direct = await askShared("database");
    await withClient(urls.direct, async (client) => {
      for (const rule of DEFAULTS)
        await client.query(`ALTER DATABASE ${new URL(urls.direct).pathname.slice(1)} SET ${rule}`);
    });
    urls.pooled = await startPgBouncer(stack, urls.direct, { connections: 1 });
  });
  afterAll(() => stack.disposeAsync());

  test("is distinguished from the pool of a pooler", async () => {
    expect(await answersPooler(readPostgresUrl(urls.direct))).toBe(false);
    expect(await answersPooler(readPostgresUrl(urls.pooled))).toBe(true);
  });

  test.each(["direct", "pooled"] as const)(
    "has its rules in each statement, whatever the database's are: %s",
    async (place) => {
      for (const [isReadOnly, isByIndex] of [
        [false, false],
        [true, false],
        [false, true],
      ] as const) {
        const pool = open(place, place === "pooled", isReadOnly, isByIndex);
        const rules = {
          ...{ path: "countersign", commits: "on", isolation: "read committed", readOnly: isReadOnly ? "on" : "off" },
          ...{ statement: "10s", idle: "15s", scans: isByIndex ? "off" : "on" },
          plans: isByIndex ? "force_generic_plan" : "force_custom_plan",
        };
        expect((await pool.query(RULES)).rows).toEqual([rules]);
        expect((await pool.transact((client) => client.query(RULES))).rows).toEqual([rules]);
      }
    },
  );

  test("prepares a statement once for each connection of its own, and never behind a pooler", async () => {
    const text = "SELECT $1::int AS n";
    const [own, lent] = [open("direct", false), open("pooled", true)];
    for (const pool of [own, lent]) {
      for (const n of [1, 2]) {
        expect((await pool.query(text, [n])).rows).toEqual([{ n }]);
        expect((await pool.transact((client) => client.query(text, [n]))).rows).toEqual([{ n }]);
      }
    }
    expect(await preparedBy(own)).toEqual([{ statement: text }]);
    expect(await preparedBy(lent)).toEqual([]);
  });

  test("refuses a pooler that has replaced the database, because its sessions would lose the rules", async () => {
    await expect(open("pooled", false).query("SELECT 1")).rejects.toThrow(
      /pooler answers at the address where the database itself answered/,
    );
  });

  test("sends simultaneous statements at once, and rolls back all of them if one fails", async () => {
    const pool = open("direct", false);
    await pool.query("CREATE TABLE public.kept (n int PRIMARY KEY)");
    const insert = (client: Pick<PostgresPool, "query">, n: number) =>
      client.query("INSERT INTO public.kept VALUES ($1)", [n]);
    const failed = pool.transact((client) => Promise.all([1, 2, 2, 3].map((n) => insert(client, n))));
    await expect(failed).rejects.toMatchObject({ code: "23505" });
    await pool.transact((client) => Promise.all([4, 5].map((n) => insert(client, n))));
    expect((await pool.query("SELECT n FROM public.kept ORDER BY n")).rows).toEqual([{ n: 4 }, { n: 5 }]);
  });
});
