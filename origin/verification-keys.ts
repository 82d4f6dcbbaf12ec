// Where the origin gets the edge's public keys: pinned in its configuration, or fetched from the edge.

import { type FindVerificationKey, importVerificationKeys, type VerificationKeys } from "../core/keys.ts";
import { readStream } from "../core/read-body.ts";
import { Refusal } from "../core/refusal.ts";

/** Keys from a JWK Set that the configuration holds: no network, no surprise; rotation is a change of configuration. */
export async function pinnedKeys(jwkSet: unknown): Promise<FindVerificationKey> {
  const keys = await importVerificationKeys(jwkSet);
  return (kid) => keys.get(kid);
}

export interface FetchedKeysOptions {
  /** Receives the reason whenever a fetch fails. */
  readonly onError: (reason: string) => void;
  readonly fetch?: typeof fetch;
  /** Milliseconds of a clock that only moves forward. */
  readonly clock?: () => number;
}

/** A set older than this is fetched again before use: a key that the edge withdrew is gone by then. */
const MAX_AGE_MILLISECONDS = 10 * 60_000;
/** An unknown kid may mean a rotation, or a forgery: no more fetches than this for either. */
const COOLDOWN_MILLISECONDS = 5_000;
const FETCH_DEADLINE_MILLISECONDS = 5_000;
/** A set of a dozen keys is 3 KB. */
const MAX_JWKS_BYTES = 64 * 1024;

/**
 * Keys from the edge's JWKS URL: cached, fetched again when old or when a kid is unknown, at most once per cool-down.
 * The last good set stays in use while the edge cannot be reached; before the first one every look-up is refused.
 * @throws Refusal `keys_unavailable` (from the returned function)
 */
export function fetchedKeys(url: string, options: FetchedKeysOptions): FindVerificationKey {
  const { onError, fetch: fetchJwks = fetch, clock = () => performance.now() } = options;
  let keys: VerificationKeys | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let underway: Promise<void> | undefined;

  const refresh = async (): Promise<void> => {
    attemptedAt = clock();
    try {
      const response = await fetchJwks(url, {
        redirect: "error",
        signal: AbortSignal.timeout(FETCH_DEADLINE_MILLISECONDS),
      });
      if (!response.ok) throw new Error(`status ${response.status}`);
      const bytes = response.body === null ? new Uint8Array() : await readStream(response.body, MAX_JWKS_BYTES);
      if (bytes === undefined) throw new Error("the set is too large");
      keys = await importVerificationKeys(JSON.parse(new TextDecoder().decode(bytes)));
      fetchedAt = clock();
    } catch (error) {
      onError(`${url}: ${error instanceof Error ? error.message : error}`);
    }
  };

  return async (kid) => {
    const isStale = clock() - fetchedAt > MAX_AGE_MILLISECONDS;
    if (underway !== undefined || ((isStale || !keys?.has(kid)) && clock() - attemptedAt > COOLDOWN_MILLISECONDS)) {
      underway ??= refresh().finally(() => {
        underway = undefined;
      });
      await underway;
    }
    if (keys === undefined) throw new Refusal("keys_unavailable", { url });
    return keys.get(kid);
  };
}
