// Writes the chain of causes of an error in one line, because the reason of an error is often only in its `cause`. The code that
// understands errors of Node is in origin/failure-cause.ts.

/** One error of a chain: its text, an explanation for the operator if there is one, and its causes. */
export interface Link {
  readonly text: string;
  readonly meaning: string | undefined;
  /** The errors that caused this one. */
  readonly causes: readonly unknown[];
}

export const LATE = "no answer in time: a slow host, or a firewall";
const MAX_DEPTH = 4;

/** Returns only the message of a thrown value. Accepts any value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Describes an error and the chain of its causes: the texts of the errors, then the first explanation (`meaning`) that `read`
 * finds. Accepts any thrown value.
 */
export function describeCauses(error: unknown, read: (failure: unknown) => Link = readFailure): string {
  const texts: string[] = [];
  let meaning: string | undefined;
  const tell = (failure: unknown, depth: number): void => {
    const link = read(failure);
    const { text } = link;
    if (text !== "" && !texts.some((other) => other.includes(text))) texts.push(text);
    meaning ??= link.meaning;
    if (depth > 0) for (const cause of link.causes) tell(cause, depth - 1);
  };
  tell(error, MAX_DEPTH);
  const text = texts.join(": ") || String(error);
  return meaning === undefined ? text : `${text} (${meaning})`;
}

function readFailure(failure: unknown): Link {
  const { name, cause } = Object(failure) as { readonly name?: unknown; readonly cause?: unknown };
  return {
    text: messageOf(failure),
    meaning: name === "TimeoutError" ? LATE : undefined,
    causes: cause === undefined ? [] : [cause],
  };
}
