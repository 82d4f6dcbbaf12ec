// Indexes the `certificates` entries of one sender by the values that the entries require. So a lookup in 100,000 entries takes as
// long as a lookup in ten.

import type { Certificate } from "../x509/certificate.ts";
import { type CertificateMatcher, lookupKeysOf } from "./matcher.ts";

/** An entry with its index in the policy. */
export type AllowlistEntry = readonly [index: number, matcher: CertificateMatcher];

export class Allowlist {
  readonly matchers: readonly CertificateMatcher[];
  readonly #byKey = new Map<string, AllowlistEntry[]>();

  /** Indexes each entry under only one of its keys: the key that the fewest entries have, so that a lookup finds few entries. */
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

  /** Returns every entry that could match the certificate. All other entries require a value that the certificate does not have. */
  entriesFor(certificate: Certificate): AllowlistEntry[] {
    const keys = lookupKeysOf(certificate);
    const found: AllowlistEntry[] = [];
    const add = (entries: readonly AllowlistEntry[] = []) => {
      for (const entry of entries) found.push(entry);
    };
    // Iterates over the smaller set: the keys of the certificate, or the keys of the index. A stranger's certificate may have
    // thousands of names, and each of fifty senders may have only one entry.
    if (keys.size < this.#byKey.size) for (const key of keys) add(this.#byKey.get(key));
    else for (const [key, entries] of this.#byKey) if (keys.has(key)) add(entries);
    return found;
  }
}
