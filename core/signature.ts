// Webhook signatures over the raw body: keys in, and whether one of them made a signature that the request presents.
// Never says which one to the sender, and keeps no verdict.

import { type PresentedSignatures, readPresentedSignatures, type SignatureMethod } from "./presented-signatures.ts";
import { Refusal } from "./refusal.ts";
import { diagnoseMismatch } from "./signature-diagnosis.ts";
import { makeEd25519Key, makeHmacKey, type SignatureKey } from "./signature-key.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "./signature-schemes.ts";
import { MIN_SIGNATURE_SECRET_CHARACTERS, MIN_STANDARD_SECRET_OCTETS } from "./wire.ts";

export type { SignatureKey, SignatureMethod };

/** The keys of one sender. */
export interface SignatureKeys {
  readonly scheme: SignatureSchemeName;
  readonly keys: readonly SignatureKey[];
  /** By Docusign account id in lower case. An account that is not there uses `keys`. */
  readonly accounts: ReadonlyMap<string, readonly SignatureKey[]>;
  /** Verify nothing; a signature of theirs is told to the operator. */
  readonly retired: readonly SignatureKey[];
}

const ED25519_OCTETS = 32;
const KEY_PREFIXES = ["whsec_", "whpk_", "whsk_"];

/**
 * Reads a key as the sender's pages show it: of Standard Webhooks and Svix base64, with `whsec_` or without it, as
 * both hand it out, or `whpk_` for Ed25519; of all others the text itself, Stripe's `whsec_` included.
 * Does not check that a secret is random.
 * @throws SyntaxError that says what is wrong and quotes nothing
 */
export function importSignatureKey(name: SignatureSchemeName, secret: string): SignatureKey {
  if (secret === "") throw new SyntaxError("the key is empty");
  if (secret.trim() !== secret) throw new SyntaxError("the key has white space or a line break at an end");
  if (/^(["'`]).*\1$/s.test(secret)) throw new SyntaxError("the key stands in quotes, which are no part of it");
  if (/\p{Cc}/u.test(secret) || !secret.isWellFormed()) throw new SyntaxError("the key holds a control character");
  if (!SIGNATURE_SCHEMES[name].hasEncodedKeys) {
    if (secret.length < MIN_SIGNATURE_SECRET_CHARACTERS) {
      throw new SyntaxError(`the key has fewer than ${MIN_SIGNATURE_SECRET_CHARACTERS} characters`);
    }
    return makeHmacKey(Buffer.from(secret));
  }
  const prefix = KEY_PREFIXES.find((text) => secret.startsWith(text)) ?? "";
  const base64 = secret.slice(prefix.length);
  if (prefix === "whsk_") throw new SyntaxError("whsk_ is what the sender signs with: the receiver's key is whpk_");
  const octets = Buffer.from(base64, "base64");
  if (octets.toString("base64") !== base64) throw new SyntaxError("the key is not standard base64 with its padding");
  if (prefix === "whpk_") {
    if (octets.length !== ED25519_OCTETS) throw new SyntaxError("an Ed25519 key has 32 octets");
    return makeEd25519Key(octets);
  }
  if (octets.length < MIN_STANDARD_SECRET_OCTETS) {
    throw new SyntaxError(`the key has fewer than ${MIN_STANDARD_SECRET_OCTETS} octets`);
  }
  return makeHmacKey(octets);
}

/**
 * Verifies that a configured key signed these bytes, with the time and the id that the scheme signs beside them.
 * Returns by which method, or says what would have matched, unless that is not asked for. Does not check that the event is new: no scheme's signature is for one delivery alone.
 * @throws Refusal `signature_missing`, `signature_malformed`, `signature_stale`, `signature_key_unknown`,
 * `signature_mismatch`
 */
export function verifySignature(
  keys: SignatureKeys,
  signed: { readonly headers: Headers; readonly body: Uint8Array<ArrayBuffer>; readonly now: number },
  isDiagnosed = true,
): Promise<SignatureMethod> {
  // The executor makes a rejection of what is thrown.
  return new Promise((resolve) => {
    const presented = readPresentedSignatures(keys.scheme, signed.headers, signed.now);
    resolve(verifyPresented(keys, presented, signed, isDiagnosed));
  });
}

function verifyPresented(
  keys: SignatureKeys,
  presented: PresentedSignatures,
  { headers, body }: { readonly headers: Headers; readonly body: Uint8Array<ArrayBuffer> },
  isDiagnosed: boolean,
): SignatureMethod {
  const account = readAccount(keys, headers);
  const own = keys.accounts.get(account) ?? keys.keys;
  let verified: SignatureMethod | undefined;
  let tried = 0;
  // Every key is tried, whichever matches.
  for (const key of own) {
    if (presented[key.method].length === 0) continue;
    tried += 1;
    if (key.madeOneOf(presented, body)) verified ??= key.method;
  }
  if (verified !== undefined) return verified;
  const details = { scheme: keys.scheme, ...(account !== "" && { account }) };
  if (tried === 0) throw new Refusal("signature_key_unknown", details);
  const contentEncoding = headers.get("content-encoding");
  const mismatch = { keys: own, retired: keys.retired, presented, body, contentEncoding };
  const wouldMatch = isDiagnosed ? diagnoseMismatch(mismatch, keys.scheme) : undefined;
  throw new Refusal("signature_mismatch", {
    ...details,
    keys: tried,
    signatures: presented.hmac.length + presented.ed25519.length,
    ...(contentEncoding !== null && { contentEncoding }),
    ...(wouldMatch !== undefined && { wouldMatch }),
  });
}

/** The account that selects the keys, in lower case; empty where none does. */
function readAccount({ scheme, accounts }: SignatureKeys, headers: Headers): string {
  const { account: header } = SIGNATURE_SCHEMES[scheme];
  const account = (accounts.size > 0 && header !== undefined && headers.get(header)) || "";
  if (!/^[\w-]{0,64}$/.test(account)) throw new Refusal("signature_malformed", { cause: `${header} is not one id` });
  return account.toLowerCase();
}
