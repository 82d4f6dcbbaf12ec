// Checks that a URL to which events are sent, or from which keys are fetched, uses HTTPS or belongs to this machine. Also makes
// URLs safe to show, because user, password and query may be secrets.

/** The hosts of this machine, in the form of `URL.hostname`. */
export const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

export function isHttpsOrLoopback({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

const LEFT_OUT = "?…";

/**
 * Removes user, password, query and fragment from a URL. Does not change a text without a scheme, because it is the path of a file.
 */
export function showUrl(text: string): string {
  // In a text like `user:password@host`, the user name would be read as a scheme. So nothing of such a text is shown.
  if (!text.includes("://") && /^[^/]*:[^/]*@/.test(text)) return "…";
  // One letter before a colon is a drive letter of Windows, so the text is the path of a file.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
  const url = URL.parse(text);
  if (url === null) return "…";
  const { protocol, username, password, host, pathname, search, hash } = url;
  if (username + password + search + hash === "") return text;
  return `${protocol}//${host}${pathname}${search + hash === "" ? "" : LEFT_OUT}`;
}

/** Removes the query from the target of a request, because some senders use a URL with a token in the query. */
export function showTarget(target: string): string {
  return showUrl(target).replace(/[?#].*$/s, LEFT_OUT);
}
