// Reports from a server of a bench to the process that started the server.

/** Sends the URL, followed by the URL of a console if there is one. This process ends when the other process ends. */
export function announce(url: string, console?: string): void {
  process.send?.(console === undefined ? url : `${url} ${console}`);
  process.once("disconnect", () => process.exit(0));
}
