// Settings of the servers in the origin and inbox benches.

import type { PublicJwk } from "../../core/assertion/keys.ts";

export interface OriginSettings {
  readonly policy: object;
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  readonly issuer: string;
  readonly audience: string;
  readonly log?: boolean;
  /** The location of the inbox. If absent, only ids are remembered. */
  readonly inbox?: string;
  /** If true, the server also has a console over the inbox, and reports its URL after its own. */
  readonly hasConsole?: boolean;
  /** A SQLite file into which each event is inserted with a commit of its own. */
  readonly plainFile?: string;
}
