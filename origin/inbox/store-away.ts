// Recognises errors after which a database may be reached later, for example because the database or its network is still starting.

import { ConfigurationError } from "../../core/configuration-error.ts";

export class StoreAway extends ConfigurationError {}

/** Codes of the operating system, and codes of a PostgreSQL server that starts, ends, or has no connection left. */
const AWAY =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|ETIMEDOUT|08...|53300|57P0[1-3])$/;
/** The messages of the driver's errors that have no code. */
const AWAY_TEXT = /^(?:timeout expired|Connection terminated)/;

/** Returns true if the same call may succeed later without any change, for example because the database has then started. */
export function isAway(error: unknown): boolean {
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: readonly unknown[] };
  // If a host name has several addresses, each address has its own error.
  if (errors !== undefined && errors.length > 0) return errors.every(isAway);
  return typeof code === "string" ? AWAY.test(code) : AWAY_TEXT.test(String(message));
}
