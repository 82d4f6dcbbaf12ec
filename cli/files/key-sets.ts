// Reads JWK Sets from files. The public and the private set look alike and are easily confused. Messages show no member of a key.

import { shellWord } from "../../origin/shell-word.ts";
import { UsageError } from "../command.ts";
import { readJson } from "./files.ts";

/** Reads the keys that an origin pins. @throws UsageError for a set that holds private keys */
export function readPublicKeySet(file: string): unknown {
  const set = readSet(file, "give the public set, countersign keys jwks --file FILE > jwks.json");
  if (isPrivate(set) !== true) return set;
  throw new UsageError(
    `${file} holds private keys, which belong only to the edge: give the public set, countersign keys jwks --file ${shellWord(file)} > jwks.json`,
  );
}

/** Reads the keys that sign. @throws UsageError for a set with only public keys */
export function readPrivateKeySet(file: string): unknown {
  const set = readSet(file, "give the file that countersign keys new made");
  if (isPrivate(set) !== false) return set;
  throw new UsageError(
    `${file} holds only public keys, as countersign keys jwks prints them: give the file that countersign keys new made`,
  );
}

interface KeySet {
  readonly keys: readonly unknown[];
}

/** @throws UsageError if the file contains no key set, or only a single key */
function readSet(file: string, remedy: string): KeySet {
  const document = readJson(file);
  if (!isObject(document)) throw new UsageError(`${file} holds ${nameValue(document)} and no set of keys: ${remedy}`);
  if (Array.isArray(document["keys"])) return { ...document, keys: document["keys"] };
  if (Object.hasOwn(document, "kty"))
    throw new UsageError(`${file} holds one key and no set of keys: write { "keys": [ … ] } around it`);
  const what = Object.hasOwn(document, "senders") ? "a policy" : "an object without a list of keys";
  throw new UsageError(`${file} holds ${what} and no set of keys: ${remedy}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function nameValue(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

/**
 * Returns true if the set has private keys. Returns undefined for an empty set. An empty set is not refused here, because the code
 * that imports the keys refuses it.
 */
function isPrivate({ keys }: KeySet): boolean | undefined {
  return keys.length === 0 ? undefined : holdsPrivateKeys(keys);
}

/** Returns true if the value is a list of keys that contains a private key. */
export function holdsPrivateKeys(keys: unknown): boolean {
  return Array.isArray(keys) && keys.some((key) => typeof key === "object" && key !== null && "d" in key);
}
