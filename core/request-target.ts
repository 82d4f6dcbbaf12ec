// The request target as it is routed, signed and compared: one reading for edge and origin.

import { Refusal } from "./refusal.ts";

export interface RequestTarget {
  readonly url: URL;
  readonly path: string;
  /** Path and query, as sent. */
  readonly target: string;
}

/**
 * Reads the target of an absolute request URL.
 * Refuses one that a URL parser would rewrite (`/a/../b`, `\`, a raw quote), and a path with a second spelling, so that
 * no hop and no router can read it differently.
 * @throws Refusal `malformed_target`
 */
export function readRequestTarget(requestUrl: string): RequestTarget {
  const url = URL.parse(requestUrl);
  if (url === null) throw new Refusal("malformed_target");
  // Each of them is made anew when it is read.
  const { pathname: path, search } = url;
  const target = path + search;
  const sent = requestUrl.slice(requestUrl.indexOf("/", requestUrl.indexOf("//") + 2));
  if (target !== sent) throw new Refusal("malformed_target");
  const secondSpelling = findSecondSpelling(path);
  if (secondSpelling !== undefined) throw new Refusal("malformed_target", { secondSpelling });
  return { url, path, target };
}

/**
 * What RFC 3986 §3.3 lets stand in a path as it is, and what routers read in different ways: `/`, `\`, and control characters, of which
 * a line feed is no part of the path for many patterns that end in `$`.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const NEVER_ENCODED = /[A-Za-z0-9\-._~!$&'()*+,;=:@/\\\0-\x1f\x7f]/;
/** Without its parameters such a segment is empty, or a step up for routers that leave them out before they go by dots. */
const HIDDEN_SEGMENT = /\/\.{0,2};/;
/** Decoded once more by a second hop it would be another path. */
const ENCODED_TWICE = /%25[0-9A-Fa-f]{2}/;

/**
 * What gives a path a second spelling that a router may take for the same: an encoded character that needs no encoding,
 * lower-case digits (RFC 3986 §6.2.2), octets that are no UTF-8, an encoded encoding, an empty segment, or one that parameters keep from
 * being seen as empty or as dots. Undefined when nothing does.
 */
export function findSecondSpelling(path: string): string | undefined {
  if (path.includes("//")) return "//";
  if (!path.includes("%") && !path.includes(";")) return undefined;
  const [found] = HIDDEN_SEGMENT.exec(path) ?? ENCODED_TWICE.exec(path) ?? [];
  if (found !== undefined) return found;
  for (const [encoded] of path.matchAll(/%.{0,2}/gsu)) {
    if (!/%[0-9A-F]{2}/.test(encoded)) return encoded;
    if (NEVER_ENCODED.test(String.fromCharCode(Number.parseInt(encoded.slice(1), 16)))) return encoded;
  }
  try {
    decodeURIComponent(path);
    return undefined;
  } catch {
    return "percent-encoded octets that are not UTF-8";
  }
}
