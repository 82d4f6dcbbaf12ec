// What the servers of the origin bench are started with.

import type { PublicJwk } from "../../core/keys.ts";

export interface OriginSettings {
  readonly policy: object;
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  readonly issuer: string;
  readonly audience: string;
  readonly log?: boolean;
  /** Where events are stored; otherwise ids are remembered. */
  readonly inbox?: string;
  /** A SQLite file into which each event is inserted and committed for itself, with nothing around it. */
  readonly plainFile?: string;
}
