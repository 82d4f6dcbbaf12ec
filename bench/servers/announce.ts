// Reports from a server of a bench to the process that started it.

/** Sends the URL, followed by that of a console. When the other process ends, this one ends too. */
export function announce(url: string, console?: string): void {
  process.send?.(console === undefined ? url : `${url} ${console}`);
  process.once("disconnect", () => process.exit(0));
}
