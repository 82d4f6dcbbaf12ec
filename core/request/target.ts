// The request target that is routed, signed and compared. Edge and origin read it with the same code.

import { Refusal } from "../refusal.ts";

export interface RequestTarget {
  readonly url: URL;
  readonly path: string;
  /** Path and query, as sent. */
  readonly target: string;
}

/**
 * Reads the target of an absolute request URL. Refuses a target that a URL parser would rewrite (`/a/../b`, `\`, a raw quote),
 * and a path with a second spelling, so that no hop and no router can read it differently.
 * @throws Refusal `malformed_target`
 */
export function readRequestTarget(requestUrl: string): RequestTarget {
  const url = URL.parse(requestUrl);
  if (url === null) throw new Refusal("malformed_target");
  // Copied once, because a URL builds each of them again whenever it is read.
  const { pathname: path, search } = url;
  const target = path + search;
  const sent = requestUrl.slice(requestUrl.indexOf("/", requestUrl.indexOf("//") + 2));
  if (target !== sent) throw new Refusal("malformed_target");
  const secondSpelling = findSecondSpelling(path);
  if (secondSpelling !== undefined) throw new Refusal("malformed_target", { secondSpelling });
  return { url, path, target };
}

/**
 * The target that is signed, stored and handed on: the one that was sent, behind `//host` if the request's route names a host. So
 * what was sent to one host is nothing that was sent to another. No target that is sent begins so.
 */
export function formatSignedTarget(target: string, host: string): string {
  return host === "" ? target : `//${host}${target}`;
}

/** The host, empty if there is none, and the target that was sent. */
export function splitSignedTarget(signed: string): readonly [host: string, target: string] {
  if (!signed.startsWith("//")) return ["", signed];
  const slash = signed.indexOf("/", 2);
  return [signed.slice(2, slash), signed.slice(slash)];
}

/**
 * Characters that must not be percent-encoded in a path. RFC 3986 §3.3 allows most of them unencoded. Routers read the others in
 * different ways: `/`, `\`, and control characters. (Many patterns that end in `$` match before a line feed.)
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
const NEVER_ENCODED = /[A-Za-z0-9\-._~!$&'()*+,;=:@/\\\0-\x1f\x7f]/;
/**
 * A segment of dots or of nothing before its parameters. Some routers remove parameters before they resolve dots, and then read
 * an empty segment or a step up.
 */
const HIDDEN_SEGMENT = /\/\.{0,2};/;
/** A hop that decodes the path a second time would read another path. */
const ENCODED_TWICE = /%25[0-9A-Fa-f]{2}/;

/**
 * Finds what gives a path a second spelling that a router may take for the same path: an encoded character that needs no
 * encoding, lower-case hex digits (RFC 3986 §6.2.2), octets that are not UTF-8, an encoded percent sign before two hex digits, an
 * empty segment, or a segment of dots or of nothing before its parameters. Undefined if there is nothing of the kind.
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
