// Random octets from a pool: one call of the runtime's generator costs as much for a hundred ids as for one.

const ID_OCTETS = 16;
const POOL_OCTETS = 256 * ID_OCTETS;

/**
 * Makes a function that returns the 16 octets of one id, each time others. They stay what they are until the next call: whoever keeps
 * them copies them. `fill` is the runtime's generator; it is not called before the first id is needed.
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
