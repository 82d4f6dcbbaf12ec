// Reports from a server of a bench to the process that started it.

/** Sends the URL. When the other process ends, this one ends too. */
export function announce(url: string): void {
  process.send?.(url);
  process.once("disconnect", () => process.exit(0));
}
