// Opens a pool for one database.

import { ConfigurationError } from "../../../core/configuration-error.ts";
import { isAway, StoreAway } from "../store-away.ts";
import { answersPooler, describeError, openPool, type PoolOptions, type PostgresPool } from "./pool.ts";
import { type PostgresAddress, readPostgresUrl } from "./url.ts";

/**
 * Calls `use` with a new pool. If `use` succeeds, the pool stays open. If `use` fails, the pool is closed, and the thrown error
 * holds no password, not even in its cause.
 */
export async function withPool<T>(
  url: string,
  options: Omit<PoolOptions, "isPooled">,
  use: (pool: PostgresPool, place: { readonly address: PostgresAddress; readonly isPooled: boolean }) => Promise<T>,
): Promise<T> {
  let pool: PostgresPool | undefined;
  try {
    const address = readPostgresUrl(url);
    const isPooled = await answersPooler(address);
    pool = openPool(address, { ...options, isPooled });
    return await use(pool, { address, isPooled });
  } catch (error) {
    await pool?.close();
    if (error instanceof ConfigurationError) throw error;
    const told = describeError(error, url);
    throw isAway(error) ? new StoreAway("inbox", [told]) : new Error(told);
  }
}
