// Writes the chain of causes of an error in one line. The error of fetch() has only the message "fetch failed", and its reason is
// in `cause`. The error of a connection that was tried at several addresses has no message, and its reasons are in `errors`.

/** A pattern for codes, names or messages of errors, and an explanation of the errors that it matches. */
export type Meaning = readonly [codes: RegExp, meaning: string];

/**
 * Explains a time-out. This explanation applies to every runtime. origin/failure-cause.ts has the explanations that apply only to
 * Node.
 */
export const LATE: Meaning = [
  /TIMEOUT$|^ETIMEDOUT$|^TimeoutError$/,
  "no answer in time: the host is slow, or a firewall drops packets to it",
];
/** Matches messages that say nothing about the cause. */
const EMPTY = /^(?:fetch failed|terminated|)$/;
const MAX_DEPTH = 4;
/** The number of tried addresses whose errors are reported. `localhost` has two addresses. */
const MAX_ERRORS = 3;

interface Failure {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: unknown;
}

/** Returns only the message of a thrown value. Accepts any value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Describes the chain of causes of an error, with the meaning of the first known code. Accepts any thrown value. */
export function describeCauses(error: unknown, meanings: readonly Meaning[] = [LATE]): string {
  const texts: string[] = [];
  let meaning: string | undefined;
  const tell = (failure: unknown, depth: number): void => {
    const { name, code, message, cause, errors } = Object(failure) as Failure;
    const text = failure instanceof Error ? formatFailure(String(message), code) : String(failure);
    if (!EMPTY.test(text) && !texts.some((other) => other.includes(text))) texts.push(text);
    meaning ??= findMeaning([code, name, text], meanings);
    if (depth === 0) return;
    if (Array.isArray(errors)) for (const one of errors.slice(0, MAX_ERRORS)) tell(one, depth - 1);
    if (cause !== undefined) tell(cause, depth - 1);
  };
  tell(error, MAX_DEPTH);
  const text = texts.join(": ") || String(error);
  return meaning === undefined ? text : `${text} (${meaning})`;
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

function findMeaning(names: readonly unknown[], meanings: readonly Meaning[]): string | undefined {
  for (const name of names) {
    const found = typeof name === "string" && meanings.find(([codes]) => codes.test(name));
    if (found) return found[1];
  }
  return undefined;
}
