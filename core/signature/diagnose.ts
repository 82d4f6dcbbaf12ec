// Finds out why a signature does not match, by trying the usual mistakes with keys and bodies one after another. The result is
// only for the operator's log. It names a key by its index and never shows a key or the expected signature.

import { DIAGNOSED_BODY_BYTES, DIAGNOSED_KEYS, DIAGNOSED_WORK } from "../wire.ts";
import { decodeBody } from "./body-decoding.ts";
import { respellBody } from "./body-respellings.ts";
import { makeHmacKey, type SignatureKey } from "./key.ts";
import type { PresentedSignatures } from "./read.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "./schemes.ts";

export interface Mismatch {
  readonly keys: readonly SignatureKey[];
  readonly retired: readonly SignatureKey[];
  readonly presented: PresentedSignatures;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly contentEncoding: string | null;
}

const COST_OF_WRITING = 16;
const COST_OF_SIGNATURE = { hmac: 64, ed25519: 64 * 1024 };

/**
 * Describes the key or the body with which the signature would have matched. Returns undefined if nothing that was tried matches,
 * or if a limit in wire.ts is reached.
 */
export async function diagnoseMismatch(mismatch: Mismatch, scheme: SignatureSchemeName): Promise<string | undefined> {
  const { presented } = mismatch;
  if (mismatch.body.byteLength > DIAGNOSED_BODY_BYTES) return undefined;
  const decoding = await decodeBody(mismatch.body, mismatch.contentEncoding);
  const isEncoded = SIGNATURE_SCHEMES[scheme].keys === "base64";
  let work = DIAGNOSED_WORK;
  for (const { what, keys, body, isWritten } of suspects(mismatch, isEncoded, decoding)) {
    if (isWritten) work -= body.byteLength * COST_OF_WRITING;
    for (const [index, key] of keys) {
      work -= body.byteLength + COST_OF_SIGNATURE[key.method] * presented[key.method].length;
      if (work < 0) return undefined;
      if (key.madeOneOf(presented, body)) return what(index);
    }
  }
  return undefined;
}

interface Suspect {
  readonly what: (index: number) => string;
  readonly keys: Iterable<readonly [index: number, key: SignatureKey]>;
  readonly body: Uint8Array;
  readonly isWritten?: boolean;
}

function* suspects(
  { keys, retired, body }: Mismatch,
  isEncoded: boolean,
  [encoding, decoded]: Awaited<ReturnType<typeof decodeBody>> | readonly [] = [],
): Generator<Suspect> {
  yield { what: (index) => `retired key ${index}`, keys: retired.slice(0, DIAGNOSED_KEYS).entries(), body };
  const tried = [...keys.slice(0, DIAGNOSED_KEYS).entries()];
  for (const [index, key] of tried) {
    const secret = key.secret();
    if (secret === undefined) continue;
    for (const [how, other] of isEncoded ? respellOctets(secret) : respellText(secret.toString())) {
      yield { what: () => `key ${index} ${how}`, keys: [[index, makeHmacKey(Buffer.from(other))]], body };
    }
  }
  if (decoded !== undefined) {
    const how = `decoded from ${encoding} (Content-Encoding): the sender signs before it compresses`;
    yield { what: (index) => `key ${index} over the body ${how}`, keys: tried, body: decoded };
    return;
  }
  for (const [how, other] of respellBody(body)) {
    yield { what: (index) => `key ${index} over the body ${how}`, keys: tried, body: other, isWritten: true };
  }
}

type Spelling = readonly [how: string, other: string | Buffer];

function* respellText(secret: string): Generator<Spelling> {
  yield ["with = at its end", `${secret}=`];
  yield ["with == at its end", `${secret}==`];
  if (secret.endsWith("=")) yield ["without its last =", secret.slice(0, -1)];
  yield ["decoded from base64", Buffer.from(secret, "base64")];
  const bare = secret.replace(/^["'`\s]+|["'`\s]+$/g, "");
  if (bare !== secret) yield ["without the quotes at its ends", bare];
}

function* respellOctets(secret: Buffer): Generator<Spelling> {
  const base64 = secret.toString("base64");
  yield ["as text, not decoded from base64", base64];
  yield ["as text, not decoded from base64, with whsec_", `whsec_${base64}`];
}
