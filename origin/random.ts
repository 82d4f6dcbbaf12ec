// The random octets of an origin's ids.

import { poolRandom } from "../core/random-pool.ts";

export const takeRandom = poolRandom((pool) => crypto.getRandomValues(pool));
