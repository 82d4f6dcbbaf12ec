// Reads all rows of an inbox in PostgreSQL in one snapshot, while origins write. Also writes rows into empty tables.

import type { Backup, RowWriter } from "../sqlite/backup.ts";
import {
  batchesOf,
  type InboxContents,
  MAX_BATCH_BYTES,
  MAX_BATCH_ROWS,
  requireEmpty,
  SELECT_STATES,
  TABLES,
  type Table,
  type TableRow,
  toStates,
} from "../table-rows.ts";
import { withPool } from "./opening.ts";
import type { Client, PostgresPool } from "./pool.ts";
import { preparePostgres, requirePostgresVersion } from "./schema.ts";

/**
 * Passes every row to `write`. All rows come from one snapshot. Takes no lock for which origins would wait.
 * @throws Error whose message holds no password
 */
export async function readPostgres(url: string, name: string, write: RowWriter): Promise<void> {
  await usePool(url, { isReadOnly: true }, async (pool) => {
    await requirePostgresVersion(pool, name);
    await pool.transact(async (client) => {
      await client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ");
      for (const table of TABLES) await readTable(client, table, write);
    });
  });
}

/**
 * Writes the whole content of a backup in one transaction.
 * @throws Error if the inbox is not empty; the message holds no password
 */
export async function restorePostgres(url: string, name: string, backup: Backup): Promise<void> {
  await usePool(url, { isReadOnly: false }, async (pool) => {
    await preparePostgres(pool, name);
    await pool.transact(async (client) => {
      // While the lock is held, an origin that uses this inbox waits, or tells its senders to retry.
      await client.query(`LOCK TABLE ${TABLES.map((table) => table.name).join(", ")} IN EXCLUSIVE MODE`);
      requireEmpty(await countAll(client), name);
      for (const table of TABLES) await writeTable(client, table, backup.rows(table));
    });
  });
}

/** Opens a pool, calls `use`, and closes the pool. */
async function usePool(
  url: string,
  { isReadOnly }: { readonly isReadOnly: boolean },
  use: (pool: PostgresPool) => Promise<void>,
): Promise<void> {
  await withPool(url, { isReadOnly, connections: 1 }, async (pool) => {
    await use(pool);
    await pool.close();
  });
}

async function countAll(client: Client): Promise<InboxContents> {
  const { rows } = await client.query(
    `SELECT (SELECT count(*) FROM event) AS events, (SELECT count(*) FROM certificate) AS certificates,
       (SELECT count(*) FROM repeated) + (SELECT count(*) FROM deleted_event) AS kept_ids,
       (SELECT count(*) FROM refusal) AS refusals`,
  );
  const number = (column: string) => Number(rows[0]?.[column]);
  const states = toStates((await client.query(SELECT_STATES)).rows);
  return {
    ...{ events: number("events"), states, certificates: number("certificates") },
    ...{ keptIds: number("kept_ids"), refusals: number("refusals") },
  };
}

/** Reads a table in batches with two cursors: one for the sizes of rows, and one for the rows. This limits the octets in memory. */
async function readTable(client: Client, table: Table, write: RowWriter): Promise<void> {
  const { name, key, columns } = table;
  const hasBodies = columns.includes("body");
  await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${key}`);
  // The database reads the length of a body without the body itself.
  const bytes = hasBodies ? "coalesce(octet_length(body), 0)" : "0";
  await client.query(`DECLARE sizes NO SCROLL CURSOR FOR SELECT ${bytes} AS bytes FROM ${name} ORDER BY ${key}`);
  for (;;) {
    const { rows: sizes } = await client.query(`FETCH ${MAX_BATCH_ROWS} FROM sizes`);
    if (sizes.length === 0) break;
    for (const number of splitByBytes(sizes.map((row) => Number(row["bytes"])))) {
      const { rows } = await client.query(`FETCH ${number} FROM rows`);
      write(
        table,
        rows.map((row) => toTableRow(table, row)),
      );
    }
  }
  await client.query("CLOSE rows");
  await client.query("CLOSE sizes");
}

/** Splits rows of these sizes into batches of at most `MAX_BATCH_BYTES`. Returns the number of rows in each batch. */
function splitByBytes(sizes: readonly number[]): number[] {
  const numbers: number[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const size of sizes) {
    if (bytes + size > MAX_BATCH_BYTES) {
      numbers.push(0);
      bytes = 0;
    }
    numbers.push((numbers.pop() ?? 0) + 1);
    bytes += size;
  }
  return numbers;
}

function toTableRow({ integers, booleans }: Table, row: Readonly<Record<string, unknown>>): TableRow {
  const values = Object.entries(row).map(([column, value]) => {
    const isNumber = value !== null && (integers.has(column) || booleans.has(column));
    return [column, isNumber ? Number(value) : value] as const;
  });
  return Object.fromEntries(values) as TableRow;
}

async function writeTable(client: Client, table: Table, rows: Iterable<TableRow>): Promise<void> {
  const { name, columns, counted, booleans } = table;
  const head = `INSERT INTO ${name} (${columns.join(", ")}) OVERRIDING SYSTEM VALUE VALUES`;
  for (const batch of batchesOf(rows)) {
    const places = batch.map(
      (_, row) => `(${columns.map((_, index) => `$${row * columns.length + index + 1}`).join(", ")})`,
    );
    const values = batch.flatMap((row) =>
      columns.map((column) => (booleans.has(column) ? row[column] === 1 : (row[column] ?? null))),
    );
    await client.queryPatiently(`${head} ${places.join(", ")}`, values);
  }
  if (counted === undefined) return;
  await client.query(
    `SELECT setval(pg_get_serial_sequence('${name}', '${counted}'), greatest(1, max(${counted})), max(${counted}) IS NOT NULL) FROM ${name}`,
  );
}
