// Reads SQLite's result codes from the errors of its driver.

/** The result code if another connection holds a lock. The higher bits of an extended code give the reason. */
const SQLITE_BUSY = 5;

export function isBusy(error: unknown): boolean {
  return resultCodeOf(error) === SQLITE_BUSY;
}

/**
 * Returns SQLite's result code, which is the low octet of an extended code. Undefined if the error has no result code of SQLite.
 */
export function resultCodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}
