// Reads the request target (path and query). The target decides the route, and it is signed. Edge and origin use the same code, so
// that both read the same target.

import { Refusal } from "../refusal.ts";

export interface RequestTarget {
  readonly url: URL;
  readonly path: string;
  /** Path and query, as the sender sent them. */
  readonly target: string;
}

/**
 * Reads the target of an absolute request URL. Refuses a target that a URL parser would rewrite, for example a target with
 * `/a/../b`, `\` or a raw quote. Also refuses a path that some routers would read differently (see `findSecondSpelling`). Otherwise
 * a proxy or a router could read a different path than this code.
 * @throws Refusal `malformed_target`
 */
export function readRequestTarget(requestUrl: string): RequestTarget {
  const url = URL.parse(requestUrl);
  if (url === null) throw new Refusal("malformed_target");
  // The texts are read only once, because a URL builds them again at every access.
  const { pathname: path, search } = url;
  const target = path + search;
  const sent = requestUrl.slice(requestUrl.indexOf("/", requestUrl.indexOf("//") + 2));
  if (target !== sent) throw new Refusal("malformed_target");
  const secondSpelling = findSecondSpelling(path);
  if (secondSpelling !== undefined) throw new Refusal("malformed_target", { secondSpelling });
  return { url, path, target };
}

/**
 * Returns the target in the form in which it is signed, stored and forwarded. If the request's route names a host, puts `//host` in
 * front of the target that was sent, so that an event for one host is not accepted for another. A target that was sent never begins
 * with `//`, so the two forms cannot be confused.
 */
export function formatSignedTarget(target: string, host: string): string {
  return host === "" ? target : `//${host}${target}`;
}

/** Splits a signed target into the host and the target that was sent. The host is empty if the signed target names none. */
export function splitSignedTarget(signed: string): readonly [host: string, target: string] {
  if (!signed.startsWith("//")) return ["", signed];
  const slash = signed.indexOf("/", 2);
  return [signed.slice(2, slash), signed.slice(slash)];
}

/**
 * Characters that must not be percent-encoded in a path. Most of them need no encoding (RFC 3986 §3.3). The others are `/`, `\` and
 * control characters, which routers read in different ways. For example, many patterns that end in `$` match before a line feed.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const NEVER_ENCODED = /[A-Za-z0-9\-._~!$&'()*+,;=:@/\\\0-\x1f\x7f]/;
/**
 * Matches a segment that has parameters, and before them nothing, one dot or two dots, for example `/..;a=b`. Some routers remove
 * the parameters first and resolve the dots afterwards. They see an empty segment, or a step to the parent.
 */
const HIDDEN_SEGMENT = /\/\.{0,2};/;
/** Matches an encoded percent sign before two hex digits. A proxy that decodes the path twice would read a different path. */
const ENCODED_TWICE = /%25[0-9A-Fa-f]{2}/;

/**
 * Finds a part of a path that some routers would read differently than Countersign. Returns undefined if there is none. The parts
 * are:
 * - an encoded character that needs no encoding, and lower-case hex digits (RFC 3986 §6.2.2)
 * - octets that are not UTF-8
 * - an encoded percent sign before two hex digits
 * - an empty segment, and a segment with nothing or only dots before its parameters
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
