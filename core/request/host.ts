// Checks that the Host of a request is only a host. Otherwise a URL that is built from it could get a path, a user or a query.

import { Refusal } from "../refusal.ts";

/**
 * Refuses a Host field that a URL parser would change. It must be one host and port in canonical form, but port 80 may be written.
 * Several Host fields that were joined into one are refused too.
 * @throws Refusal `malformed_host`
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
 * Makes the same check for a request in `Headers`. Some platforms put the host into the URL and leave out the field. Then there is
 * nothing to check. `known` has hosts that were checked before, in the form of URL.host.
 */
export function requireHostField(headers: Headers, known = NONE): void {
  const host = headers.get("host");
  if (host !== null && !known.has(host)) requireHost(host);
}
