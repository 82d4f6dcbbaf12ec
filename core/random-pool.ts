// Takes random octets from a pool. Filling it for a hundred ids costs as much as one call of the runtime's generator for one id.

const ID_OCTETS = 16;
const POOL_OCTETS = 256 * ID_OCTETS;

/**
 * Makes a function that returns 16 new random octets for each id. The octets are valid until the next call. To keep them, copy
 * them. `fill` is the runtime's generator. It is called for the first time when the first id is needed.
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
