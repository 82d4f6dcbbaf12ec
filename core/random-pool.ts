// Takes random octets from a pool that is filled for many ids at once, because one call of the runtime's generator takes as long
// for a hundred ids as for one id.

const ID_OCTETS = 16;
const POOL_OCTETS = 256 * ID_OCTETS;

/**
 * Makes a function that returns 16 new random octets for each id. Copy the octets before the next call, because a later call may
 * overwrite them. `fill` is the runtime's generator. It is not called before the first id is needed.
 */
export function poolRandom(fill: (pool: Uint8Array<ArrayBuffer>) => void): () => Uint8Array {
  const pool = new Uint8Array(POOL_OCTETS);
  let used = POOL_OCTETS;
  return () => {
    if (used === POOL_OCTETS) {
      fill(pool);
      used = 0;
    }
    used += ID_OCTETS;
    return pool.subarray(used - ID_OCTETS, used);
  };
}
