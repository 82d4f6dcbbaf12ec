// Calls back when one of the watched files changes, or when the process gets SIGHUP.

import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";

/**
 * The interval between two checks. Editors and deployments write in several steps, so a change counts only if the next check finds
 * the same state.
 */
const LOOK_MILLISECONDS = 250;

/**
 * Checks files at intervals. The check follows links, so that it also notices if a link or a directory above a file is replaced.
 * Notifications of the operating system are not used, because they cover single directories only, and do not exist on network file
 * systems. `files` is called for each check. If it returns different files than before, this counts as a change. Returns a function
 * that stops the checks.
 */
export function watchFiles(files: () => readonly string[], onChange: () => void): () => void {
  // The files are looked at before this function returns. Otherwise a change that the caller makes right after this call would not
  // be noticed.
  let reported = files()
    .map((file) => versionOf(statSync(file, { bigint: true, throwIfNoEntry: false })))
    .join();
  let last = reported;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;
  const look = async () => {
    const versions = await Promise.all(
      files().map((file) => stat(file, { bigint: true }).then(versionOf, () => undefined)),
    );
    if (isStopped) return;
    const now = versions.join();
    if (now === last && now !== reported) {
      reported = now;
      onChange();
    }
    last = now;
    lookSoon();
  };
  const lookSoon = () => {
    timer = setTimeout(look, LOOK_MILLISECONDS).unref();
  };
  lookSoon();
  process.on("SIGHUP", onChange);
  return () => {
    isStopped = true;
    clearTimeout(timer);
    process.off("SIGHUP", onChange);
  };
}

/**
 * Returns the version of a file. The version contains `ctime`, which only the operating system sets. So a file that is replaced by
 * a copy has a different version, even if the copy keeps the size and the other times.
 */
function versionOf(stats: BigIntStats | undefined): string | undefined {
  return stats && `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
