// Parses the base URLs of programs that receive events. Such a URL contains only scheme, host and port.

import { isIP } from "node:net";
import { isHttpsOrLoopback, showUrl } from "../../core/url.ts";
import { isPrivateAddress } from "../../origin/node/upstream-fetch.ts";
import { UsageError } from "../command.ts";

/**
 * Parses the URL of an upstream that is reached by plain HTTP. The host must be a private address or a name. The address of a name
 * is checked later, on each connection.
 * @throws UsageError
 */
export function parsePrivateUrl(option: string, text: string): string {
  const url = URL.parse(text);
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  const isThere = isIP(host) === 0 || isPrivateAddress(host);
  if (url?.protocol === "http:" && isThere && (text === url.origin || text === `${url.origin}/`)) return url.origin;
  throw new UsageError(
    `--${option} ${showUrl(text)}: with --upstream-unencrypted, write http://HOST without a path; HOST is a name or a private address`,
  );
}

/** @throws UsageError whose message shows no user, password or query */
export function parseBaseUrl(option: string, text: string): string {
  const url = URL.parse(text);
  if (url !== null && isHttpsOrLoopback(url) && (text === url.origin || text === `${url.origin}/`)) return url.origin;
  throw new UsageError(
    `--${option} ${showUrl(text)}: write https://HOST without a path (http:// only to loopback); each event is sent to its own path`,
  );
}
