// SQLite's result codes, of errors that its driver throws.

/** SQLite's result code for a lock that another connection holds; the higher bits of an extended code tell why. */
const SQLITE_BUSY = 5;

export function isBusy(error: unknown): boolean {
  return resultCodeOf(error) === SQLITE_BUSY;
}

/** SQLite's result code, which is the low octet of an extended one; undefined for another error. */
export function resultCodeOf(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}
