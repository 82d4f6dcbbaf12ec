// Makes the function that finds a guard's verification keys, from a URL, a set or a function.

import { type FindVerificationKey, parsePublicKeySet } from "../../core/assertion/keys.ts";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { isHttpsOrLoopback, showUrl } from "../../core/url.ts";
import { misconfigured } from "../options.ts";
import { fetchedKeys, pinnedKeys } from "../verification-keys.ts";
import type { KeySource } from "./options.ts";

/**
 * Makes the function that finds a key. Nothing is fetched or imported before the first look-up, because a Worker may do neither
 * while it starts.
 * @throws ConfigurationError for an invalid URL or set
 */
export function keysOf(source: KeySource, onError: (reason: string) => void): FindVerificationKey {
  if (typeof source === "function") return source;
  if (typeof source === "string" || source instanceof URL) return keysAt(String(source), onError);
  return keysIn(source);
}

/** Returns the text by which the keys of this source are cached. Undefined for a function. */
export function nameKeySource(source: KeySource): string | undefined {
  if (typeof source === "function") return undefined;
  return typeof source === "string" || source instanceof URL ? String(source) : JSON.stringify(source);
}

/** Returns what is wrong with the URL of an edge's keys, or undefined. Returns `otherwise` if it is not an HTTP or HTTPS URL. */
export function problemOfKeysUrl(url: URL | null, otherwise = "is not an https URL"): string | undefined {
  if (url === null || !/^https?:$/.test(url.protocol)) return otherwise;
  if (!isHttpsOrLoopback(url)) return "keys fetched over plain HTTP prove nothing: use https";
  // For a URL with a user or password, `fetch()` throws an error that quotes the password. So the URL is refused here.
  return url.username + url.password === "" ? undefined : "keys are public: take user and password out of the URL";
}

function keysAt(url: string, onError: (reason: string) => void): FindVerificationKey {
  const problem = problemOfKeysUrl(URL.parse(url));
  if (problem !== undefined) throw new ConfigurationError("keys", [`/: ${showUrl(url)} ${problem}`]);
  return fetchedKeys(url, { onError });
}

function keysIn(set: { readonly keys: readonly object[] }): FindVerificationKey {
  if (set.keys.some((key) => typeof key === "object" && key !== null && "d" in key))
    throw new ConfigurationError("keys", [
      "/: holds private keys, which belong to the edge alone: pass the public set, as countersign keys jwks prints it",
    ]);
  parsePublicKeySet(set);
  let find: FindVerificationKey | undefined;
  const load = async (kid: string) => {
    try {
      find = await pinnedKeys(set);
    } catch (error) {
      throw misconfigured(error);
    }
    return find(kid);
  };
  return (kid) => (find === undefined ? load(kid) : find(kid));
}
