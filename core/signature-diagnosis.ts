// Why a signature does not match: the mistakes that people make with keys and bodies, tried one after another.
// For the operator's log line alone: names a key by its index, never by its text, and never the expected value.

import type { PresentedSignatures } from "./presented-signatures.ts";
import { makeHmacKey, type SignatureKey } from "./signature-key.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "./signature-schemes.ts";
import { DIAGNOSED_BODY_BYTES, DIAGNOSED_KEYS } from "./wire.ts";

export interface Mismatch {
  readonly keys: readonly SignatureKey[];
  readonly retired: readonly SignatureKey[];
  readonly presented: PresentedSignatures;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What would have matched, in a few words; undefined when nothing that is tried does. Bounded by wire.ts. */
export function diagnoseMismatch(mismatch: Mismatch, scheme: SignatureSchemeName): string | undefined {
  const presented = { ...mismatch.presented, ed25519: mismatch.presented.ed25519.slice(0, DIAGNOSED_KEYS) };
  if (mismatch.body.byteLength > DIAGNOSED_BODY_BYTES) return undefined;
  for (const { what, key, body } of suspects(mismatch, SIGNATURE_SCHEMES[scheme].hasEncodedKeys ?? false)) {
    if (key.madeOneOf(presented, body)) return what;
  }
  return undefined;
}

interface Suspect {
  readonly what: string;
  readonly key: SignatureKey;
  readonly body: Uint8Array;
}

function* suspects({ keys, retired, body }: Mismatch, hasEncodedKeys: boolean): Generator<Suspect> {
  for (const [index, key] of retired.slice(0, DIAGNOSED_KEYS).entries()) {
    yield { what: `retired key ${index}`, key, body };
  }
  const tried = [...keys.slice(0, DIAGNOSED_KEYS).entries()];
  for (const [index, key] of tried) {
    const secret = key.secret();
    if (secret === undefined) continue;
    for (const [how, other] of hasEncodedKeys ? respellOctets(secret) : respellText(secret.toString())) {
      yield { what: `key ${index} ${how}`, key: makeHmacKey(Buffer.from(other)), body };
    }
  }
  for (const [how, other] of respellJson(body)) {
    for (const [index, key] of tried)
      yield { what: `key ${index} over the body ${how}`, key, body: Buffer.from(other) };
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

/** Output of indentation grows with the depth of nesting, by which a small body could be made a large one. */
const MAX_DEPTH = 12;

function* respellJson(body: Uint8Array): Generator<Spelling> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
  } catch {
    return;
  }
  if (!isNestedUpTo(MAX_DEPTH, value)) return;
  yield ["as JSON without spaces", JSON.stringify(value)];
  yield ["as JSON indented by two spaces", JSON.stringify(value, null, 2)];
}

function isNestedUpTo(depth: number, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  return depth > 0 && Object.values(value).every((member) => isNestedUpTo(depth - 1, member));
}
