// How a server of a bench tells its URL to the process that started the server.

/**
 * Sends the URL to the process that started this server, followed by the URL of a console if there is one. This server ends when
 * that process ends.
 */
export function announce(url: string, console?: string): void {
  process.send?.(console === undefined ? url : `${url} ${console}`);
  process.once("disconnect", () => process.exit(0));
}
