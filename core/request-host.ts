// The Host of a request says which host it is, and nothing else: what builds a URL of it must find no path, user or query in it.

import { Refusal } from "./refusal.ts";

/**
 * Refuses a Host field that is not exactly what a URL parser makes of it, in the one spelling of a host and its port; the
 * default port may be written. Fields that were joined because there were several are none.
 * @throws Refusal `malformed_host`
 */
export function requireHost(host: string): void {
  const isPlain = /^[\w.:[\]-]+$/.test(host);
  const parsed = URL.parse(`http://${host}`)?.host;
  if (isPlain && (parsed === host || `${parsed}:80` === host)) return;
  // What is not made of a host's characters may hold anything, a secret too.
  throw new Refusal("malformed_host", isPlain ? { host } : {});
}

const NONE: ReadonlySet<string> = new Set();

/**
 * The same of a request whose platform shows the field; some make a URL of it and leave it out. `known`: hosts that were looked at
 * before, as a URL prints them.
 */
export function requireHostField(headers: Headers, known = NONE): void {
  const host = headers.get("host");
  if (host !== null && !known.has(host)) requireHost(host);
}
