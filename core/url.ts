// Where keys and events may be sent: over HTTPS, or without it to this machine only. Also how to show a URL: user, password and
// query may be secrets.

/** The hosts of this machine, as a URL has them. */
export const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

export function isHttpsOrLoopback({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

const LEFT_OUT = "?…";

/** The URL without user, password, query and fragment. A text without a scheme is the path of a file and is not changed. */
export function showUrl(text: string): string {
  // Without "//" the user name would be read as a scheme.
  if (!text.includes("://") && /^[^/]*:[^/]*@/.test(text)) return "…";
  // One letter before a colon is a drive letter.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
  const url = URL.parse(text);
  if (url === null) return "…";
  const { protocol, username, password, host, pathname, search, hash } = url;
  if (username + password + search + hash === "") return text;
  return `${protocol}//${host}${pathname}${search + hash === "" ? "" : LEFT_OUT}`;
}

/** The target of a request without its query, because senders are told to put tokens into it. */
export function showTarget(target: string): string {
  return showUrl(target).replace(/[?#].*$/s, LEFT_OUT);
}
