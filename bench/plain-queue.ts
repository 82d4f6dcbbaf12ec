// A hand-written queue with which our dispatch is compared. One statement takes an event, and a second statement ends it. Each
// statement has its own commit.

import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import { promising } from "../origin/inbox/sqlite/reader.ts";

interface QueuedJob {
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A queue in a table that contains only bodies. */
export interface PlainQueue {
  add(bodies: readonly Buffer[]): Promise<void>;
  /** Takes the oldest waiting event. Returns undefined if no event is waiting. */
  take(): Promise<QueuedJob | undefined>;
  end(sequence: number): Promise<void>;
}

const TAKE = "SELECT sequence FROM job WHERE state = 'waiting' ORDER BY sequence LIMIT 1";

/** Opens a table that is as durable as our inbox: WAL with synchronous FULL. */
export function openPlainSqliteQueue(file: string): PlainQueue {
  const database = new DatabaseSync(file);
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE job (sequence INTEGER PRIMARY KEY, state TEXT NOT NULL DEFAULT 'waiting', body BLOB NOT NULL);
    CREATE INDEX job_waiting ON job (sequence) WHERE state = 'waiting'`);
  const insert = database.prepare("INSERT INTO job (body) VALUES (?)");
  const take = database.prepare(`UPDATE job SET state = 'taken' WHERE sequence = (${TAKE}) RETURNING sequence, body`);
  const end = database.prepare("UPDATE job SET state = 'done' WHERE sequence = ?");
  return {
    add: promising((bodies) => {
      database.exec("BEGIN");
      for (const body of bodies) insert.run(body);
      database.exec("COMMIT");
    }),
    take: promising(() => take.get() as unknown as QueuedJob | undefined),
    end: promising((sequence) => void end.run(sequence)),
  };
}

/** Opens a queue from which several connections can take events without waiting for each other. */
export async function openPlainPostgresQueue(url: string, connections: number): Promise<PlainQueue> {
  const pool = new pg.Pool({ connectionString: url, max: connections });
  await pool.query(`
    CREATE TABLE job (sequence bigserial PRIMARY KEY, state text NOT NULL DEFAULT 'waiting', body bytea NOT NULL);
    CREATE INDEX job_waiting ON job (sequence) WHERE state = 'waiting'`);
  return {
    async add(bodies) {
      await pool.query("INSERT INTO job (body) SELECT unnest($1::bytea[])", [bodies]);
    },
    async take() {
      const { rows } = await pool.query(
        `UPDATE job SET state = 'taken' WHERE sequence = (${TAKE} FOR UPDATE SKIP LOCKED) RETURNING sequence, body`,
      );
      return rows[0];
    },
    async end(sequence) {
      await pool.query("UPDATE job SET state = 'done' WHERE sequence = $1", [sequence]);
    },
  };
}
