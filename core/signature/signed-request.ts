// One request whose signatures are verified for several candidate senders. Its headers are read once for each scheme, and its body
// is hashed once for each key, even if several candidates use the same scheme and key.

import { type Refusal, resultOf } from "../refusal.ts";
import { MAX_FURTHER_ED25519 } from "../wire.ts";
import type { SignatureKey } from "./key.ts";
import { type PresentedSignatures, readPresentedSignatures } from "./read.ts";
import { SIGNATURE_SCHEMES, type SignatureScheme, type SignatureSchemeName } from "./schemes.ts";

/** The signatures in the headers of one scheme. `verdicts` records for each key whether the key made one of these signatures. */
interface Reading {
  readonly presented: PresentedSignatures | Refusal;
  readonly verdicts: Map<SignatureKey, boolean>;
}

export class SignedRequest {
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer>;
  /** Unix seconds. */
  readonly now: number;
  /**
   * The keys of this map are the scheme objects and not their names, because two names may share one scheme (`meta` and `github`).
   */
  readonly #readings = new Map<SignatureScheme, Reading>();
  #further = MAX_FURTHER_ED25519;

  constructor(headers: Headers, body: Uint8Array<ArrayBuffer>, now: number) {
    this.headers = headers;
    this.body = body;
    this.now = now;
  }

  /** Returns the signatures of this scheme, or the Refusal that `readPresentedSignatures` throws. */
  presented(name: SignatureSchemeName): PresentedSignatures | Refusal {
    return this.#read(name).presented;
  }

  /** True if the key made one of the signatures of this scheme. `presented` must have returned signatures, not a Refusal. */
  isSignedBy(key: SignatureKey, name: SignatureSchemeName): boolean {
    const { presented, verdicts } = this.#read(name);
    const known = verdicts.get(key);
    if (known !== undefined) return known;
    const verdict = this.#isMadeBy(key, presented as PresentedSignatures);
    verdicts.set(key, verdict);
    return verdict;
  }

  #isMadeBy(key: SignatureKey, presented: PresentedSignatures): boolean {
    if (key.method === "hmac") return key.madeOneOf(presented, this.body);
    const looked = Math.min(presented.ed25519.length, 1 + this.#further);
    this.#further -= looked - 1;
    return key.madeOneOf(presented, this.body, looked);
  }

  #read(name: SignatureSchemeName): Reading {
    const scheme = SIGNATURE_SCHEMES[name];
    let reading = this.#readings.get(scheme);
    if (reading === undefined) {
      const presented = resultOf(() => readPresentedSignatures(name, this));
      reading = { presented, verdicts: new Map() };
      this.#readings.set(scheme, reading);
    }
    return reading;
  }
}
