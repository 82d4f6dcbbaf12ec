// How a server of a bench reports to the process that started it.

/** Sends the URL; ends this process when that one is gone. */
export function announce(url: string): void {
  process.send?.(url);
  process.once("disconnect", () => process.exit(0));
}
