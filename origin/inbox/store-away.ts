// A database that is not there now, and may be there later: it is being started, or what leads to it is.

import { ConfigurationError } from "../../core/configuration-error.ts";

export class StoreAway extends ConfigurationError {}

/** Codes of the system, and of PostgreSQL for a server that starts, ends, or has no connection left. */
const AWAY =
  /^(?:ECONN(?:REFUSED|RESET|ABORTED)|EPIPE|ENOENT|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|ETIMEDOUT|08...|53300|57P0[1-3])$/;
/** What the driver says without a code. */
const AWAY_TEXT = /^(?:timeout expired|Connection terminated)/;

/** Whether an error of the driver may be over by itself. */
export function isAway(error: unknown): boolean {
  const { code, message, errors } = error as { code?: unknown; message?: unknown; errors?: readonly unknown[] };
  // One name with several addresses, each with an error of its own.
  if (errors !== undefined && errors.length > 0) return errors.every(isAway);
  return typeof code === "string" ? AWAY.test(code) : AWAY_TEXT.test(String(message));
}
