// A replay check in a table of your own PostgreSQL database.

import type { AcceptDelivery } from "../accept.ts";
import { acceptOnce, insertOrCreate, requireMember, TABLE } from "./once.ts";

/** A `Pool` of the package `pg`, or an object with the same `query`. */
export interface PostgresPool {
  query(text: string, values?: unknown[]): Promise<{ readonly rowCount: number | null }>;
}

const CREATE = `CREATE TABLE IF NOT EXISTS ${TABLE}
  (issuer text NOT NULL, jti text NOT NULL, expires bigint NOT NULL, PRIMARY KEY (issuer, jti));
  CREATE INDEX IF NOT EXISTS ${TABLE}_expires ON ${TABLE} (expires)`;
const UNDEFINED_TABLE = "42P01";

/**
 * Makes an `accept` that records each assertion's id in the table `countersign_accepted`, in the first schema of the search path.
 * The first event creates the table. Events are not stored: if your handler fails, or the process ends while the handler runs, the
 * sender gets no 2xx and sends again. Pass the pool, not a client within a transaction. Ids are deleted a day after they expired.
 * @throws ConfigurationError if `pool` is not a pool
 */
export function onceInPostgres(pool: PostgresPool): AcceptDelivery {
  requireMember("onceInPostgres()", pool, "query", "a Pool of the package pg");
  return acceptOnce({
    insert: ({ issuer, jti, expires }) =>
      insertOrCreate(
        async () => {
          const text = `INSERT INTO ${TABLE} (issuer, jti, expires) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`;
          return (await pool.query(text, [issuer, jti, expires])).rowCount === 1;
        },
        () => pool.query(CREATE),
        (error) => (error as { readonly code?: unknown }).code === UNDEFINED_TABLE,
      ),
    prune: (before) => pool.query(`DELETE FROM ${TABLE} WHERE expires < $1`, [before]),
  });
}
