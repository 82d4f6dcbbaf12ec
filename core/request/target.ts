// Reads the request target, which is routed, signed and compared. Edge and origin use the same code.

import { Refusal } from "../refusal.ts";

export interface RequestTarget {
  readonly url: URL;
  readonly path: string;
  /** Path and query, as the sender sent them. */
  readonly target: string;
}

/**
 * Reads the target of an absolute request URL. Refuses a target that a URL parser would rewrite (`/a/../b`, `\`, a raw quote), and
 * a path with a second spelling. Otherwise a proxy or a router could read another path than this code.
 * @throws Refusal `malformed_target`
 */
export function readRequestTarget(requestUrl: string): RequestTarget {
  const url = URL.parse(requestUrl);
  if (url === null) throw new Refusal("malformed_target");
  // Copied once, because a URL builds these texts again at every access.
  const { pathname: path, search } = url;
  const target = path + search;
  const sent = requestUrl.slice(requestUrl.indexOf("/", requestUrl.indexOf("//") + 2));
  if (target !== sent) throw new Refusal("malformed_target");
  const secondSpelling = findSecondSpelling(path);
  if (secondSpelling !== undefined) throw new Refusal("malformed_target", { secondSpelling });
  return { url, path, target };
}

/**
 * Returns the target that is signed, stored and forwarded. It is the target that was sent. If the request's route names a host,
 * `//host` comes first, so that an event for one host is not accepted for another. No target that is sent can begin with `//`.
 */
export function formatSignedTarget(target: string, host: string): string {
  return host === "" ? target : `//${host}${target}`;
}

/** Returns the host and the target that was sent. The host is empty if there is none. */
export function splitSignedTarget(signed: string): readonly [host: string, target: string] {
  if (!signed.startsWith("//")) return ["", signed];
  const slash = signed.indexOf("/", 2);
  return [signed.slice(2, slash), signed.slice(slash)];
}

/**
 * Characters that must not be percent-encoded in a path. RFC 3986 §3.3 allows most of them unencoded. The others are `/`, `\` and
 * control characters, which routers read in different ways. (Many patterns that end in `$` match before a line feed.)
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const NEVER_ENCODED = /[A-Za-z0-9\-._~!$&'()*+,;=:@/\\\0-\x1f\x7f]/;
/**
 * Matches a segment with parameters and, before them, nothing or only dots. Some routers remove the parameters first and resolve
 * the dots afterwards. They see an empty segment, or a step to the parent.
 */
const HIDDEN_SEGMENT = /\/\.{0,2};/;
/** Matches an encoded percent sign before two hex digits. A proxy that decodes the path twice would read another path. */
const ENCODED_TWICE = /%25[0-9A-Fa-f]{2}/;

/**
 * Finds the part of a path that gives the path a second spelling for some routers: an encoded character that needs no encoding,
 * lower-case hex digits (RFC 3986 §6.2.2), octets that are not UTF-8, an encoded percent sign before two hex digits, an empty
 * segment, or a segment with nothing or only dots before its parameters. Returns undefined if there is no such part.
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
