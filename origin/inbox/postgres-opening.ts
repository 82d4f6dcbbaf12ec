// A pool for one database, opened for whoever uses it.

import { ConfigurationError } from "../../core/configuration-error.ts";
import { answersPooler, describeError, openPool, type PoolOptions, type PostgresPool } from "./postgres-pool.ts";
import { type PostgresAddress, readPostgresUrl } from "./postgres-url.ts";

/** The pool stays open when the use resolves. The error that comes out names no password, and has no cause that does. */
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
    throw new Error(describeError(error, url));
  }
}
