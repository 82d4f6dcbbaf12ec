// A static secret in a header or in the JSON body: the request must carry one of the configured tokens. In Authorization, the token
// stands after `Bearer` (RFC 6750 §2.1). In any other header, and in the body, the token is the whole value. Only digests are kept,
// and no message quotes a token.

import { parsePointer } from "../configuration-error.ts";
import { Refusal } from "../refusal.ts";
import { MIN_SECRET_CHARACTERS } from "../wire.ts";
import type { TextRule } from "./body.ts";
import { type Credential, isOneOf, makeCredential } from "./credential.ts";

/**
 * Visible ASCII without a comma. `Headers` joins the values of a repeated header with a comma, so a repeated header never matches.
 */
const TOKEN = /^[!-+\--~]+$/;
const BEARER = /^bearer +([!-+\--~]+)$/i;

/** @throws SyntaxError that says what is wrong and quotes nothing */
export function importToken(text: string): Credential {
  if (!TOKEN.test(text)) throw new SyntaxError("a token is visible ASCII without spaces and commas");
  if (text.length < MIN_SECRET_CHARACTERS)
    throw new SyntaxError(`the token has fewer than ${MIN_SECRET_CHARACTERS} characters`);
  return makeCredential(Buffer.from(text));
}

/**
 * Verifies that the header (lower case) holds one of the tokens. Does not limit attempts.
 * @throws Refusal `token_missing`, `token_malformed`, `token_mismatch`
 */
export function verifyToken(credentials: readonly Credential[], header: string, headers: Headers): void {
  const value = headers.get(header);
  if (value === null) throw new Refusal("token_missing", { header });
  const token = header === "authorization" ? BEARER.exec(value)?.[1] : TOKEN.exec(value)?.[0];
  if (token === undefined) throw new Refusal("token_malformed", { header, isEmpty: value === "" });
  if (!isOneOf(credentials, Buffer.from(token)))
    throw new Refusal("token_mismatch", { header, tokens: credentials.length });
}

/** Returns the rule for a token in the body. It compares each text at the pointer in constant time. */
export function tokenInBody(credentials: readonly Credential[], pointer: string): TextRule {
  return {
    pointer,
    path: parsePointer(pointer),
    accepts: (text) => isOneOf(credentials, Buffer.from(text)),
    code: "token_mismatch",
  };
}
