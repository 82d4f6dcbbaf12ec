// Recognises a database that cannot be reached now, but may be reachable later. The database or its network may be starting.

import { ConfigurationError } from "../../core/configuration-error.ts";

export class StoreAway extends ConfigurationError {}

/** Codes of the operating system, and codes of a PostgreSQL server that starts, ends, or has no connection left. */
const AWAY =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|ETIMEDOUT|08...|53300|57P0[1-3])$/;
/** Messages of the driver that have no code. */
const AWAY_TEXT = /^(?:timeout expired|Connection terminated)/;

/** Returns true if an error of the driver may disappear without a change. */
export function isAway(error: unknown): boolean {
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: readonly unknown[] };
  // If a name has several addresses, each address has its own error.
  if (errors !== undefined && errors.length > 0) return errors.every(isAway);
  return typeof code === "string" ? AWAY.test(code) : AWAY_TEXT.test(String(message));
}
