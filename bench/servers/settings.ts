// Settings of the servers in the origin and inbox benches.

import type { PublicJwk } from "../../core/assertion/keys.ts";

export interface OriginSettings {
  readonly policy: object;
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  readonly issuer: string;
  readonly audience: string;
  readonly log?: boolean;
  /**
   * The location of the inbox. Without `inbox` and `plainFile`, the server stores nothing and keeps the ids of assertions in
   * memory.
   */
  readonly inbox?: string;
  /** If true, the server also has a console for the inbox, and reports the console's URL after its own. */
  readonly hasConsole?: boolean;
  /** The SQLite file into which the server inserts each event with a commit of its own. */
  readonly plainFile?: string;
}
