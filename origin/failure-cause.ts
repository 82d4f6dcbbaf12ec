// Explains errors of Node by their codes. The edge cannot use these codes, because workerd has none of them: for every host that it
// cannot reach, workerd reports "Network connection lost." or "internal error".

import { describeCauses, LATE, type Link } from "../core/failure-chain.ts";

/** A pattern for codes, names or messages of errors, and an explanation of the errors that it matches. */
type Meaning = readonly [codes: RegExp, meaning: string];

/** Matches messages that say nothing about the cause. */
const EMPTY = /^(?:fetch failed|terminated)$/;
/** If several addresses were tried, the errors of at most this many of them are reported. `localhost` has two addresses. */
const MAX_ERRORS = 3;

/** The meaning of each error code, and what to check. The codes are those of the operating system, of OpenSSL and of Node. */
const MEANINGS: readonly Meaning[] = [
  [/^ECONNREFUSED$/, "nothing listens at this address and port"],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, "DNS does not know the host name, or does not answer"],
  [/^E(?:HOST|NET)UNREACH$/, "no route leads to this address"],
  [/TIMEOUT$|^ETIMEDOUT$|^TimeoutError$/, LATE],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, "the other side closed the connection before it answered"],
  [/SELF_SIGNED_CERT|^UNABLE_TO_|^CERT_UNTRUSTED$/, "the server's CA is not trusted here, or it sent no intermediate"],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "the server's certificate is for another host name"],
  [/wrong.version.number|packet.length.too.long/i, "the server does not speak TLS at this port: is it http?"],
  [/alert.(?:unknown.ca|bad.cert|cert)/i, "the server did not accept the client certificate, or wants one"],
  [/^unexpected redirect$/, "redirects are not followed: name the address to which it leads"],
];

/** Returns the chain of causes of an error, with the meaning of each code. Accepts any thrown value. */
export function describeCause(error: unknown): string {
  return describeCauses(error, readFailure);
}

interface Failure {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/**
 * Reads one error. The error of `fetch()` has only the message "fetch failed", and its reason is in `cause`. The error of a
 * connection that was tried at several addresses has no message, and its reasons are in `errors`.
 */
function readFailure(failure: unknown): Link {
  const { name, code, message, cause, errors } = Object(failure) as Failure;
  const text = failure instanceof Error ? formatFailure(String(message), code) : String(failure);
  return {
    text: text.replace(EMPTY, ""),
    meaning: findMeaning([code, name, text]),
    causes: [...(Array.isArray(errors) ? errors.slice(0, MAX_ERRORS) : []), ...(cause === undefined ? [] : [cause])],
  };
}

/**
 * Writes the code of an error before its message. Of an OpenSSL message, keeps only the reason, because the rest contains memory
 * addresses, and line numbers of OpenSSL's source.
 */
function formatFailure(message: string, code: unknown): string {
  const reason = /:SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message;
  if (typeof code !== "string") return reason;
  const rest = code.startsWith("ERR_SSL_")
    ? ""
    : reason.replace(code, "").replace(/ +/g, " ").replace(/;.*$/s, "").trim();
  return rest === "" ? code : `${code}: ${rest}`;
}

function findMeaning(names: readonly unknown[]): string | undefined {
  for (const name of names) {
    const found = typeof name === "string" && MEANINGS.find(([codes]) => codes.test(name));
    if (found) return found[1];
  }
  return undefined;
}
