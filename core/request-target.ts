// The request target as it is routed, signed and compared: one reading for edge and origin.

import { Refusal } from "./refusal.ts";

export interface RequestTarget {
  readonly url: URL;
  /** Path and query, as sent. */
  readonly target: string;
}

/**
 * Reads the target of an absolute request URL.
 * Refuses one that a URL parser would rewrite (`/a/../b`, `\`, a raw quote), so that no hop can read it differently.
 * @throws Refusal `malformed_target`
 */
export function readRequestTarget(requestUrl: string): RequestTarget {
  const url = URL.parse(requestUrl);
  const sent = requestUrl.slice(requestUrl.indexOf("/", requestUrl.indexOf("//") + 2));
  const target = url === null ? "" : url.pathname + url.search;
  if (url === null || target !== sent || target.startsWith("//")) throw new Refusal("malformed_target");
  return { url, target };
}
