// Verifies webhook signatures over the raw body: one of the sender's keys must have made a signature that the request presents.
// Never tells the sender which key matched, and caches no verdict.

import { Refusal } from "../refusal.ts";
import { MIN_SECRET_CHARACTERS, MIN_STANDARD_SECRET_OCTETS } from "../wire.ts";
import { diagnoseMismatch } from "./diagnose.ts";
import { makeEd25519Key, makeHmacKey, type SignatureKey } from "./key.ts";
import type { PresentedSignatures, SignatureMethod } from "./read.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "./schemes.ts";
import { SignedRequest } from "./signed-request.ts";

export type { SignatureKey, SignatureMethod };
export { SignedRequest };

/** The keys of one sender. */
export interface SignatureKeys {
  readonly scheme: SignatureSchemeName;
  readonly keys: readonly SignatureKey[];
  /** The keys by Docusign account id in lower case. Accounts that are not listed here use `keys`. */
  readonly accounts: ReadonlyMap<string, readonly SignatureKey[]>;
  /** Keys that are no longer accepted. A signature that one of them made is reported to the operator. */
  readonly retired: readonly SignatureKey[];
}

const ED25519_OCTETS = 32;
const KEY_PREFIXES = ["whsec_", "whpk_", "whsk_"];

/**
 * Imports a key in the form that the sender's website shows. For Standard Webhooks and Svix, that is base64 with or without
 * `whsec_`, or with `whpk_` for Ed25519. For Discord, that is the public key in hex. For all other schemes, the key is the text
 * itself, including Stripe's `whsec_`. Does not check that a secret is random.
 * @throws SyntaxError that says what is wrong and quotes nothing
 */
export function importSignatureKey(name: SignatureSchemeName, secret: string): SignatureKey {
  if (secret === "") throw new SyntaxError("the key is empty");
  if (secret.trim() !== secret) throw new SyntaxError("the key has white space at an end");
  if (/^(["'`]).*\1$/s.test(secret)) throw new SyntaxError("the key is in quotes: leave them out");
  if (/\p{Cc}/u.test(secret) || !secret.isWellFormed()) throw new SyntaxError("the key holds a control character");
  const { keys } = SIGNATURE_SCHEMES[name];
  if (keys === "hex") {
    if (!/^[0-9a-f]{64}$/i.test(secret)) throw new SyntaxError("a public key has 64 hexadecimal digits");
    return makeEd25519Key(Buffer.from(secret, "hex"));
  }
  if (keys === undefined) {
    if (secret.length < MIN_SECRET_CHARACTERS) {
      throw new SyntaxError(`the key has fewer than ${MIN_SECRET_CHARACTERS} characters`);
    }
    return makeHmacKey(Buffer.from(secret));
  }
  return importEncodedKey(name, secret);
}

/** @throws SyntaxError */
function importEncodedKey(name: SignatureSchemeName, secret: string): SignatureKey {
  const tag = SIGNATURE_SCHEMES[name].tags.find(([text]) => secret.startsWith(text));
  if (tag !== undefined)
    throw new SyntaxError(`the key begins with ${tag[0]} which is a prefix of signatures: omit it`);
  const prefix = KEY_PREFIXES.find((text) => secret.startsWith(text)) ?? "";
  const base64 = secret.slice(prefix.length);
  if (prefix === "whsk_") throw new SyntaxError("whsk_ is the sender's key: the receiver needs whpk_");
  const octets = Buffer.from(base64, "base64");
  if (octets.toString("base64") !== base64) throw new SyntaxError("the key is not standard base64 with padding");
  if (prefix === "whpk_") {
    if (octets.length !== ED25519_OCTETS) throw new SyntaxError("an Ed25519 key has 32 octets");
    return makeEd25519Key(octets);
  }
  if (octets.length < MIN_STANDARD_SECRET_OCTETS) {
    throw new SyntaxError(`the key has fewer than ${MIN_STANDARD_SECRET_OCTETS} octets`);
  }
  return makeHmacKey(octets);
}

/** Returns the method with which one of the keys signed the request. Returns undefined if no key did, for any reason. */
export function methodOf(keys: SignatureKeys, request: SignedRequest): SignatureMethod | undefined {
  const presented = request.presented(keys.scheme);
  const account = readAccount(keys, request.headers);
  if (presented instanceof Refusal || account === undefined) return undefined;
  let method: SignatureMethod | undefined;
  // Tries every key even after a match, so that the time does not depend on which key matches.
  for (const key of usableKeys(keysOf(keys, account), presented)) {
    if (request.isSignedBy(key, keys.scheme)) method ??= key.method;
  }
  return method;
}

/**
 * Verifies that a configured key signed the body, together with the timestamp and id of the scheme. Returns the method. If no key
 * matches, the Refusal says what would have matched. Does not check that the event is new: in every scheme, a signature can be
 * replayed.
 * @throws Refusal `signature_missing`, `signature_malformed`, `signature_stale`, `signature_key_unknown`, `signature_mismatch`
 */
export async function verifyWebhookSignature(keys: SignatureKeys, request: SignedRequest): Promise<SignatureMethod> {
  const method = methodOf(keys, request);
  if (method === undefined) throw await explainFailure(keys, request);
  return method;
}

async function explainFailure(keys: SignatureKeys, request: SignedRequest): Promise<Refusal> {
  const { headers, body } = request;
  const presented = request.presented(keys.scheme);
  if (presented instanceof Refusal) return presented;
  const account = readAccount(keys, headers);
  if (account === undefined) {
    const { account: header } = SIGNATURE_SCHEMES[keys.scheme];
    return new Refusal("signature_malformed", { cause: `${header} is not exactly one id` });
  }
  const own = keysOf(keys, account);
  const { length: tried } = usableKeys(own, presented);
  const details = { scheme: keys.scheme, ...(account !== "" && { account }) };
  if (tried === 0) return new Refusal("signature_key_unknown", details);
  const contentEncoding = headers.get("content-encoding");
  const wouldMatch = await diagnoseMismatch(
    { keys: own, retired: keys.retired, presented, body, contentEncoding },
    keys.scheme,
  );
  return new Refusal("signature_mismatch", {
    ...details,
    keys: tried,
    signatures: presented.hmac.length + presented.ed25519.length,
    ...(contentEncoding !== null && { contentEncoding }),
    ...(wouldMatch !== undefined && { wouldMatch }),
  });
}

/**
 * Returns the account id that selects the keys, in lower case. Returns "" if no account selects keys, and undefined if the header
 * is malformed.
 */
function readAccount({ scheme, accounts }: SignatureKeys, headers: Headers): string | undefined {
  const { account: header } = SIGNATURE_SCHEMES[scheme];
  const account = (accounts.size > 0 && header !== undefined && headers.get(header)) || "";
  return /^[\w-]{0,64}$/.test(account) ? account.toLowerCase() : undefined;
}

function keysOf({ keys, accounts }: SignatureKeys, account: string): readonly SignatureKey[] {
  return accounts.get(account) ?? keys;
}

/** Returns the keys whose method (HMAC or Ed25519) is also the method of a presented signature. No other key can match. */
function usableKeys(keys: readonly SignatureKey[], presented: PresentedSignatures): readonly SignatureKey[] {
  return keys.filter(({ method }) => presented[method].length > 0);
}
