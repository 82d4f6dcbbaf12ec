// The accepted certificates of one sender, found by what they must hold: a hundred thousand entries cost what ten do.

import type { Certificate } from "./certificate.ts";
import { type CertificateMatcher, lookupKeysOf } from "./certificate-matcher.ts";

/** An entry by its place in the policy. */
export type AllowlistEntry = readonly [index: number, matcher: CertificateMatcher];

export class Allowlist {
  readonly matchers: readonly CertificateMatcher[];
  readonly #byKey = new Map<string, AllowlistEntry[]>();

  /** Files each entry under the one of its keys that the fewest others have. */
  constructor(matchers: readonly CertificateMatcher[]) {
    this.matchers = matchers;
    const uses = new Map<string, number>();
    for (const key of matchers.flatMap(({ keys }) => keys)) uses.set(key, (uses.get(key) ?? 0) + 1);
    for (const [index, matcher] of matchers.entries()) {
      const [rarest = ""] = matcher.keys.toSorted((a, b) => (uses.get(a) ?? 0) - (uses.get(b) ?? 0));
      const entries = this.#byKey.get(rarest);
      if (entries === undefined) this.#byKey.set(rarest, [[index, matcher]]);
      else entries.push([index, matcher]);
    }
  }

  /** Every entry that could match. Each that is left out lacks something that the certificate would have to hold. */
  candidates(certificate: Certificate): AllowlistEntry[] {
    const keys = lookupKeysOf(certificate);
    const found: AllowlistEntry[] = [];
    const add = (entries: readonly AllowlistEntry[] = []) => {
      for (const entry of entries) found.push(entry);
    };
    // Goes over the smaller of the two: a stranger's certificate may hold thousands of names, and each of fifty senders one entry.
    if (keys.size < this.#byKey.size) for (const key of keys) add(this.#byKey.get(key));
    else for (const [key, entries] of this.#byKey) if (keys.has(key)) add(entries);
    return found;
  }
}
