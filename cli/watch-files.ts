// Calls back when one of some files changes, or when the process gets SIGHUP.

import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";

/** Editors and deployments write in several steps: a change counts when the next look finds the same. */
const LOOK_MILLISECONDS = 250;

/**
 * Looks at what each path leads to, whatever was replaced on the way: the file, a link, a directory above it. Notifications of
 * the system would speak of single directories, and come from no network file system.
 * The list is asked for at each look: one that has changed counts as a change. Returns how to stop.
 */
export function watchFiles(files: () => readonly string[], onChange: () => void): () => void {
  // Not later: the caller may change a file as soon as this has returned.
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

/** The time of the last change of the inode is set by the system alone: a copy that keeps the times of a file differs in it. */
function versionOf(stats: BigIntStats | undefined): string | undefined {
  return stats && `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}
