// Finds the edge's public keys. They are pinned in the configuration, or fetched from the edge.

import { type FindVerificationKey, importVerificationKeys, type VerificationKeys } from "../core/assertion/keys.ts";
import { OriginRefusal } from "../core/refusal.ts";
import { readStream } from "../core/request/read-body.ts";
import { showUrl } from "../core/url.ts";
import { describeCause } from "./failure-cause.ts";

/**
 * Finds keys in a JWK Set of the configuration. It uses no network, so a rotation needs a change of the configuration.
 * @throws ConfigurationError if `jwkSet` is not a set of public P-256 keys, or if one of its keys is private
 */
export async function pinnedKeys(jwkSet: unknown): Promise<FindVerificationKey> {
  const keys = await importVerificationKeys(jwkSet);
  return (kid) => keys.get(kid);
}

/** Options of `fetchedKeys`. */
export interface FetchedKeysOptions {
  /** Receives the reason when a fetch fails. */
  readonly onError: (reason: string) => void;
  readonly fetch?: typeof fetch;
  /** Milliseconds of a monotonic clock. */
  readonly clock?: () => number;
}

/** A set that is older than this is fetched again. Meanwhile, requests use the old set. */
const REFRESH_AGE_MILLISECONDS = 5 * 60_000;
/**
 * A set that is older than this is fetched again before it is used, unless the last fetch failed. So as long as the edge can be
 * reached, a key that it withdrew is not accepted for longer than this time.
 */
const MAX_AGE_MILLISECONDS = 10 * 60_000;
/**
 * The pause after each fetch. Anybody can send an unknown `kid`, so without the pause a stranger could cause a fetch for each
 * request.
 */
const COOLDOWN_MILLISECONDS = 5_000;
const FETCH_DEADLINE_MILLISECONDS = 5_000;
/**
 * The largest number of requests that wait for a fetch. Anybody can send an unknown `kid`, and each waiting request keeps its
 * connection open.
 */
const MAX_WAITING = 100;
/** The limit of a fetched set. A set of a dozen keys has 3 KB. */
const MAX_JWKS_BYTES = 64 * 1024;

/**
 * Finds keys in the set at the edge's JWKS URL. The keys are cached. They are fetched again if they are old or if a `kid` is
 * unknown, but at most once per cool-down. A request with a known key does not wait, unless the set is older than ten minutes and
 * no fetch has failed since the set was fetched. While the edge cannot be reached, the last good set is used. Until there is a
 * first set, every look-up is refused. Does not check that the URL is HTTPS, although keys fetched over plain HTTP prove nothing.
 * @throws Refusal `keys_unavailable` (from the returned function)
 */
export function fetchedKeys(url: string, options: FetchedKeysOptions): FindVerificationKey {
  const { onError, fetch: fetchJwks = fetch, clock = () => performance.now() } = options;
  let keys: VerificationKeys | undefined;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let endedAt = Number.NEGATIVE_INFINITY;
  let failure: string | undefined;
  let underway: Promise<void> | undefined;
  let waiting = 0;

  const shown = showUrl(url);
  const refresh = async (): Promise<void> => {
    try {
      keys = await fetchKeys(url, fetchJwks);
      fetchedAt = clock();
      failure = undefined;
    } catch (error) {
      failure = describeCause(error);
      onError(`${shown}: ${failure}`);
    }
    endedAt = clock();
    underway = undefined;
  };

  const waitForFetch = async () => {
    if (waiting >= MAX_WAITING) throw new OriginRefusal("keys_unavailable", { url: shown, waiting });
    waiting += 1;
    try {
      await underway;
    } finally {
      waiting -= 1;
    }
  };

  return async (kid) => {
    const age = clock() - fetchedAt;
    const isKnown = keys?.has(kid) === true;
    if ((!isKnown || age > REFRESH_AGE_MILLISECONDS) && clock() - endedAt > COOLDOWN_MILLISECONDS) {
      underway ??= refresh();
    }
    if (!isKnown && underway !== undefined) await waitForFetch();
    else if (age > MAX_AGE_MILLISECONDS && failure === undefined) await underway;
    if (keys === undefined) throw new OriginRefusal("keys_unavailable", { url: shown, cause: failure });
    return keys.get(kid);
  };
}

async function fetchKeys(url: string, fetchJwks: typeof fetch): Promise<VerificationKeys> {
  const response = await fetchJwks(url, {
    redirect: "error",
    signal: AbortSignal.timeout(FETCH_DEADLINE_MILLISECONDS),
  });
  if (!response.ok) throw new Error(`status ${response.status}`);
  const bytes = response.body === null ? new Uint8Array() : await readStream(response.body, MAX_JWKS_BYTES);
  if (bytes === undefined) throw new Error("the set is too large");
  return await importVerificationKeys(JSON.parse(new TextDecoder().decode(bytes)));
}
