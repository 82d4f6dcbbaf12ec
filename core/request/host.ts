// Checks that the Host field of a request contains only a host. Otherwise a URL that is built from the field could get a path, a
// user or a query.

import { Refusal } from "../refusal.ts";

/**
 * Refuses a Host field that a URL parser would change. The field must be one host, with or without a port, in canonical form. Port
 * 80 may be written, although the canonical form leaves it out. Several Host fields that were joined into one are refused too.
 */
export function requireHost(host: string): void {
  const isPlain = /^[\w.:[\]-]+$/.test(host);
  const parsed = URL.parse(`http://${host}`)?.host;
  if (isPlain && (parsed === host || `${parsed}:80` === host)) return;
  // A value with other characters is not logged: it may hold anything, even a secret.
  throw new Refusal("malformed_host", isPlain ? { host } : {});
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Makes the check of `requireHost` for the Host field in `headers`. If there is no such field, there is nothing to check, because
 * some platforms put the host into the URL and leave out the field. `known` has hosts that were checked before, in the form of
 * `URL.host`.
 */
export function requireHostField(headers: Headers, known = NONE): void {
  const host = headers.get("host");
  if (host !== null && !known.has(host)) requireHost(host);
}
