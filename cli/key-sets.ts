// JWK Sets in files: the public one and the private one look alike, and each is taken for the other. No member of a key is shown.

import { UsageError } from "./command.ts";
import { readJson } from "./files.ts";

/** What an origin pins. @throws UsageError for a set that holds private keys */
export function readPublicKeySet(file: string): unknown {
  const set = readSet(file);
  if (isPrivate(set) !== true) return set;
  throw new UsageError(
    `${file} holds private keys, which belong to the edge alone: give the public set, countersign keys jwks --file ${file} > jwks.json`,
  );
}

/** What signs. @throws UsageError for a set of public keys alone */
export function readPrivateKeySet(file: string): unknown {
  const set = readSet(file);
  if (isPrivate(set) !== false) return set;
  throw new UsageError(
    `${file} holds public keys alone, as countersign keys jwks prints them: give the file that countersign keys new made`,
  );
}

/** @throws UsageError for one key that stands alone */
function readSet(file: string): unknown {
  const set = readJson(file);
  const isKey = typeof set === "object" && set !== null && Object.hasOwn(set, "kty");
  if (isKey) throw new UsageError(`${file} holds one key and no set of keys: write { "keys": [ … ] } around it`);
  return set;
}

/** Undefined for what is no set of keys: that is told by who reads it. */
function isPrivate(set: unknown): boolean | undefined {
  const keys: unknown = (set as { readonly keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) return undefined;
  return keys.some((key) => typeof key === "object" && key !== null && "d" in key);
}
