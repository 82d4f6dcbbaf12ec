// Reads the values of a challenge, and limits what an answer repeats. Anybody can send a challenge. So each value that an answer
// repeats must occur only once, have a limited length, and contain no character that means something in HTML or JSON.

import { sha256, timingSafeEqual } from "../crypto.ts";
import { Refusal } from "../refusal.ts";
import { MAX_CHALLENGE_BODY_BYTES, MAX_CHALLENGE_CHARACTERS } from "../wire.ts";

/** The parts of an answer that differ between senders. */
export interface Answer {
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/**
 * One request, as the handshakes in schemes.ts read it. There, `?name` is the query parameter `name`, and a name without `?` is the
 * name of a header.
 */
export class Question {
  readonly method: string;
  readonly url: URL;
  readonly headers: Headers;
  /** Empty until the body is read. */
  readonly body: Uint8Array;
  // Values that were read before. A route may have many senders, and their handshakes may read the same values.
  readonly #values = new Map<string, readonly string[]>();
  #json: Readonly<Record<string, unknown>> | undefined;

  constructor({ method, headers }: Pick<Request, "method" | "headers">, url: URL, body = new Uint8Array()) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
  }

  has(name: string): boolean {
    return this.#valuesOf(name).length > 0;
  }

  /** Returns the value of a parameter or header that occurs exactly once. @throws Refusal */
  read(name: string): string {
    const values = this.#valuesOf(name);
    return limited(values.length === 1 ? values[0] : undefined);
  }

  /** Returns a value that may be repeated in the answer. @throws Refusal */
  echo(name: string): string {
    return echoable(this.read(name));
  }

  /** Compares the value of a parameter or header with `expected`, in constant time. @throws Refusal if they differ */
  require(name: string, expected: Uint8Array): void {
    const isEqual = timingSafeEqual(sha256(this.read(name), "buffer"), sha256(expected, "buffer"));
    if (!isEqual) throw new Refusal("challenge_token_mismatch");
  }

  /** The JSON value of a small body. An empty object if the body is large or not JSON. */
  json(): Readonly<Record<string, unknown>> {
    const isSmall = this.body.length <= MAX_CHALLENGE_BODY_BYTES;
    this.#json ??= isSmall ? Object(parseJson(Buffer.from(this.body).toString())) : {};
    return this.#json as Readonly<Record<string, unknown>>;
  }

  #valuesOf(name: string): readonly string[] {
    // `Headers` joins the values of a repeated header with a comma. `echoable` refuses a text with a comma.
    const read = () =>
      name.startsWith("?") ? this.url.searchParams.getAll(name.slice(1)) : [this.headers.get(name) ?? []].flat();
    const values = this.#values.get(name) ?? read();
    this.#values.set(name, values);
    return values;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function limited(value: unknown): string {
  if (typeof value !== "string" || value === "") throw new Refusal("challenge_malformed");
  if (value.length > MAX_CHALLENGE_CHARACTERS) throw new Refusal("challenge_too_long");
  return value;
}

/** Returns a text that may be repeated in the answer. @throws Refusal */
export function echoable(value: unknown): string {
  const text = limited(value);
  if (!/^[\w .:+/=~-]+$/.test(text)) throw new Refusal("challenge_malformed");
  return text;
}

/**
 * Returns a text that may be signed with the key that also signs events. The asker chooses this text. If it were also the signed
 * text of an event, the answer would be a valid signature of an event that the asker made up. So the text must not have a character
 * of JSON, of a form, or of the text that Zoom puts before a body. The whole text must not be valid JSON either, for example a
 * number.
 * @throws Refusal `challenge_is_event`
 */
export function signable(value: unknown): string {
  const text = limited(value);
  if (/[\s:{}[\]",]|=[^=]/.test(text) || parseJson(text) !== undefined) throw new Refusal("challenge_is_event");
  return echoable(text);
}

const answerAs = (type: string, body: string): Answer => ({ headers: { "content-type": type }, body });

export const answerText = (body: string): Answer => answerAs("text/plain", body);

export const answerJson = (value: unknown): Answer => answerAs("application/json", JSON.stringify(value));

export const answerHeaders = (headers: Answer["headers"]): Answer => ({ headers, body: null });

/** An answer repeats what a stranger sent. These headers keep a browser from running or storing it. */
export function formatAnswer({ status = 200, headers, body }: Answer): Response {
  return new Response(body, {
    status,
    headers: {
      ...headers,
      "cache-control": "no-store",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}
