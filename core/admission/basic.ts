// HTTP Basic (RFC 7617): the request must carry one of the configured pairs of user name and password. Only digests of the pairs
// are kept, and no message quotes a pair.

import { isUtf8 } from "node:buffer";
import { Refusal } from "../refusal.ts";
import { MAX_BASIC_CHARACTERS } from "../wire.ts";
import { type Credential, isOneOf, makeCredential } from "./credential.ts";

/**
 * Makes a credential from a user name and a password. Normalises both to NFC, as RFC 7617 §2.1 tells clients to do. The user name
 * may be empty, because some senders have only a password. Does not check that the password is hard to guess.
 * @throws SyntaxError that says what is wrong and quotes nothing
 */
export function importBasicCredential(username: string, password: string): Credential {
  if (username.includes(":")) throw new SyntaxError("a user name cannot hold a colon");
  if (password === "") throw new SyntaxError("the password is empty");
  const text = `${username}:${password}`.normalize("NFC");
  if (CONTROL.test(text) || !text.isWellFormed()) throw new SyntaxError("a control character is in it");
  const octets = Buffer.from(text);
  if (octets.toString("base64").length > MAX_BASIC_CHARACTERS) throw new SyntaxError("it is too long");
  return makeCredential(octets);
}

const CONTROL = /\p{Cc}/u;
const BASIC = /^basic +([A-Za-z0-9+/]+={0,2})$/i;

/**
 * Verifies that `Authorization` holds one of the credentials, in constant time. Does not limit attempts.
 * @throws Refusal `basic_missing`, `basic_malformed`, `basic_mismatch`
 */
export function verifyBasic(credentials: readonly Credential[], authorization: string | null): void {
  if (authorization === null) throw new Refusal("basic_missing");
  if (!isOneOf(credentials, parseBasic(authorization)))
    throw new Refusal("basic_mismatch", { credentials: credentials.length });
}

/**
 * Returns the octets of `user-id ":" password`. A repeated field is refused, because `Headers` joins its values with a comma, which
 * is not base64.
 */
function parseBasic(authorization: string): Buffer {
  const isShort = authorization.length <= "Basic ".length + MAX_BASIC_CHARACTERS;
  const base64 = isShort ? BASIC.exec(authorization)?.[1] : undefined;
  if (base64 === undefined) throw malformed("not one Basic credential of bounded length");
  const octets = Buffer.from(base64, "base64");
  if (octets.toString("base64") !== base64) throw malformed("not canonical base64");
  if (!isUtf8(octets)) throw malformed("not UTF-8");
  if (!octets.includes(":")) throw malformed("no colon");
  if (CONTROL.test(octets.toString())) throw malformed("a control character");
  return octets;
}

function malformed(cause: string): Refusal {
  return new Refusal("basic_malformed", { cause });
}
