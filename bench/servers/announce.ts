// Reports from a server of a bench to the process that started it.

/** Sends the URL. Ends this process when the other one has ended. */
export function announce(url: string): void {
  process.send?.(url);
  process.once("disconnect", () => process.exit(0));
}
