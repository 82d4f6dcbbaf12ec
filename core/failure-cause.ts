// Why something failed, in one line: fetch() says "fetch failed" and keeps the reason in `cause`, and a connection that was
// tried at several addresses says nothing at all and keeps the reasons in `errors`.

/** What a code means, and what to look at. By the codes of the system, of OpenSSL and of Node. */
const MEANINGS: ReadonlyArray<readonly [codes: RegExp, meaning: string]> = [
  [/^ECONNREFUSED$/, "nothing listens at this address and port"],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, "DNS does not know the host name, or does not answer"],
  [/^E(?:HOST|NET)UNREACH$/, "no route leads to this address"],
  [
    /TIMEOUT$|^ETIMEDOUT$|^TimeoutError$/,
    "no answer in time: the host is slow, or a firewall drops what is sent to it",
  ],
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, "the other side closed the connection before it answered"],
  [/SELF_SIGNED_CERT|^UNABLE_TO_|^CERT_UNTRUSTED$/, "the server's CA is not trusted here, or it sent no intermediate"],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "the server's certificate is for another host name"],
  [/wrong.version.number|packet.length.too.long/i, "the server does not speak TLS at this port: is it http?"],
  [/alert.(?:unknown.ca|bad.cert|cert)/i, "the server did not accept the client certificate, or wants one"],
  [/^unexpected redirect$/, "redirects are not followed: name the address to which it leads"],
];
/** Messages that say that there is a cause, and nothing of it. */
const EMPTY = /^(?:fetch failed|terminated|)$/;
const MAX_DEPTH = 4;
/** Of the addresses that were tried; `localhost` has two. */
const MAX_ERRORS = 3;

interface Failure {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** The causes of an error down to the first, with what their codes mean. Whatever was thrown has a text. */
export function describeCause(error: unknown): string {
  const texts: string[] = [];
  let meaning: string | undefined;
  const tell = (failure: unknown, depth: number): void => {
    const { name, code, message, cause, errors } = Object(failure) as Failure;
    const text = failure instanceof Error ? formatFailure(String(message), code) : String(failure);
    if (!EMPTY.test(text) && !texts.some((other) => other.includes(text))) texts.push(text);
    meaning ??= findMeaning([code, name, text]);
    if (depth === 0) return;
    if (Array.isArray(errors)) for (const one of errors.slice(0, MAX_ERRORS)) tell(one, depth - 1);
    if (cause !== undefined) tell(cause, depth - 1);
  };
  tell(error, MAX_DEPTH);
  const text = texts.join(": ") || String(error);
  return meaning === undefined ? text : `${text} (${meaning})`;
}

/** The code first. Of OpenSSL's text, which holds addresses of memory and lines of its source, the reason alone. */
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
