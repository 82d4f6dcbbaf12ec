// Where keys and events may go: over HTTPS, or without it to this machine alone. And how a URL is told: user, password and query may
// be secrets, whoever wrote them.

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "localhost", "[::1]"]);

export function isHttpsOrLoopback({ protocol, hostname }: URL): boolean {
  return protocol === "https:" || (protocol === "http:" && LOOPBACK.has(hostname));
}

const LEFT_OUT = "?…";

/** A URL without user, password, query and fragment. What has no scheme is the path of a file, and stays as it is. */
export function showUrl(text: string): string {
  // User and password without a scheme before them would be taken for one.
  if (!text.includes("://") && /^[^/]*:[^/]*@/.test(text)) return "…";
  // One letter before a colon is a drive.
  if (!/^[a-z][a-z0-9+.-]+:/i.test(text)) return text;
  const url = URL.parse(text);
  if (url === null) return "…";
  const { protocol, username, password, host, pathname, search, hash } = url;
  if (username + password + search + hash === "") return text;
  return `${protocol}//${host}${pathname}${search + hash === "" ? "" : LEFT_OUT}`;
}

/** The target of a request without its query: senders are told to put tokens there. */
export function showTarget(target: string): string {
  return showUrl(target).replace(/[?#].*$/s, LEFT_OUT);
}
