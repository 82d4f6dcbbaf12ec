// Makes signing keys. Not part of local-edge.ts, which loads wrangler: most tests sign without an edge.

import { generateSigningKey, type PrivateJwk } from "../../core/assertion/keys.ts";

export function newSigningKey(): Promise<PrivateJwk> {
  return generateSigningKey(Math.floor(Date.now() / 1000));
}
