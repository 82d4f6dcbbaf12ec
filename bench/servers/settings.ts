// What the servers of the origin bench are started with.

import type { PublicJwk } from "../../core/keys.ts";

export interface OriginSettings {
  readonly policy: object;
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  readonly issuer: string;
  readonly audience: string;
  readonly log?: boolean;
  /** The SQLite file. */
  readonly inbox?: string;
}
