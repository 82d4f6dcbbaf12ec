// Keeps in a file the certificates that senders presented at observed routes: one log line for each certificate.

import { closeSync, constants, existsSync, fchmodSync, fstatSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { identityOf, shareOf } from "../../core/decision/observation.ts";
import { formatLogLine, type LogLine, stampLine } from "../../core/log-line.ts";
import { folderOfInbox } from "../inbox/location.ts";

export const OBSERVATIONS = "observed.jsonl";
/**
 * The maximum number of certificates in each share of the file. `shareOf()` divides the certificates of each route into shares, for
 * example one for all unproven certificates. So unproven certificates cannot use up the limit for proven ones. Certificates that
 * earlier runs wrote are counted too.
 */
const MAX_KEPT = 100;

/**
 * Returns a log function that prints every line. If a line is about an observed certificate, the function also appends the line to
 * a file next to the inbox. It does not append the line if the certificate's share of the file already has the certificate, or is
 * full. `readLog` reads the lines that earlier runs wrote.
 */
export function openLog(
  inbox: string,
  print: (line: LogLine) => void,
  readLog: (file: string) => readonly LogLine[],
): (line: LogLine) => void {
  const file = join(folderOfInbox(inbox), OBSERVATIONS);
  let kept: Kept | undefined;
  return (line) => {
    print(line);
    if (line.decision !== "observed") return;
    try {
      kept ??= new Kept(existsSync(file) ? readLog(file) : []);
      if (kept.add(line)) appendPrivately(file, `${formatLogLine(stampLine(line, Date.now()))}\n`);
    } catch (error) {
      print({ decision: "failed", code: "observation_not_kept", file, cause: String(error) });
    }
  };
}

/** The identities of the certificates in the file, grouped by share. */
class Kept {
  readonly #shares = new Map<string, Set<string>>();

  constructor(lines: readonly LogLine[]) {
    for (const line of lines) if (line.decision === "observed") this.add(line);
  }

  /** Adds the line. Returns false if its certificate is known already, or if its share is full. */
  add(line: LogLine): boolean {
    const share = this.#shares.get(shareOf(line)) ?? new Set();
    this.#shares.set(shareOf(line), share);
    const identity = identityOf(line);
    if (share.has(identity) || share.size >= MAX_KEPT) return false;
    share.add(identity);
    return true;
  }
}

/** Appends to the file, and creates the file if it is missing. @throws Error if the file is a link, or not a regular file */
function appendPrivately(file: string, text: string): void {
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const descriptor = openSync(file, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile()) throw new Error(`${file} is not a file`);
    if ((stats.mode & 0o077) !== 0) fchmodSync(descriptor, 0o600);
    writeFileSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}
