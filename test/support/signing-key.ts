// Makes signing keys. This code is not in local-edge.ts, because that file loads wrangler, and most tests that need a key have no
// edge.

import { generateSigningKey, type PrivateJwk } from "../../core/assertion/keys.ts";

export function newSigningKey(): Promise<PrivateJwk> {
  return generateSigningKey(Math.floor(Date.now() / 1000));
}
