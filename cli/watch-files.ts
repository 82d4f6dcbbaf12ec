// Calls back when one of some files changes, or when the process gets SIGHUP.

import { watch } from "node:fs";
import { basename, dirname, resolve } from "node:path";

/** Editors and deployments write a file in several steps: wait until they are done. */
const SETTLE_MILLISECONDS = 200;

/** Kubernetes replaces all files of a mounted volume by renaming this link to their directory. */
const VOLUME_LINK = "..data";

/** Watches the files' directories, because a replaced file is another one. Returns how to stop. */
export function watchFiles(files: readonly string[], onChange: () => void): () => void {
  let timer: NodeJS.Timeout | undefined;
  const settle = () => {
    clearTimeout(timer);
    timer = setTimeout(onChange, SETTLE_MILLISECONDS);
  };
  const namesByDirectory = new Map<string, Set<string>>();
  for (const file of files.map((name) => resolve(name))) {
    const names = namesByDirectory.get(dirname(file)) ?? new Set();
    namesByDirectory.set(dirname(file), names.add(basename(file)));
  }
  const watchers = [...namesByDirectory].map(([directory, names]) =>
    watch(directory, (_, name) => {
      if (name === null || name === VOLUME_LINK || names.has(name)) settle();
    }),
  );
  process.on("SIGHUP", onChange);
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    process.off("SIGHUP", onChange);
  };
}
