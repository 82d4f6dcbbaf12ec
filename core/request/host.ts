// Checks that the Host field of a request contains only a host. Otherwise a URL that is built from the field could get a path, a
// user or a query.

import { Refusal } from "../refusal.ts";

/** The host that was accepted last. Nearly every request has this host, and it takes a parser to accept a host. */
let lastAccepted: string | undefined;

/**
 * Refuses a Host field that a URL parser would change. The field must be one host, with or without a port, in canonical form. Port
 * 80 may be written, although the canonical form leaves it out. Several Host fields that were joined into one are refused too.
 */
export function requireHost(host: string): void {
  if (host === lastAccepted) return;
  const isPlain = /^[\w.:[\]-]+$/.test(host);
  const parsed = URL.parse(`http://${host}`)?.host;
  // A value with other characters is not logged: it may hold anything, even a secret.
  if (!isPlain || (parsed !== host && `${parsed}:80` !== host))
    throw new Refusal("malformed_host", isPlain ? { host } : {});
  lastAccepted = host;
}

/**
 * Makes the check of `requireHost` for the Host field in `headers`. If there is no such field, there is nothing to check, because
 * some platforms put the host into the URL and leave out the field.
 */
export function requireHostField(headers: Headers): void {
  const host = headers.get("host");
  if (host !== null) requireHost(host);
}
