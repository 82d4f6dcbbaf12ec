// The signatures on certificates that are verified for one request: a stranger may present as many wrong ones as he likes
// in the name of an anchor, and its key may be slow.

import { costOfVerifying } from "./algorithms.ts";
import type { Certificate } from "./certificate.ts";
import { MAX_WRONG_SIGNATURE_COST } from "./wire.ts";

export class IssuedSignatures {
  readonly #wrong: (readonly [certificate: Certificate, issuer: Certificate])[] = [];
  #cost = 0;

  /** Whether `issuer`'s key signed it. False as well when wrong ones have cost so much already that no more are looked at. */
  holds(certificate: Certificate, issuer: Certificate): boolean {
    const isKnown = this.#wrong.some(([one, other]) => one === certificate && other === issuer);
    if (isKnown || this.#cost >= MAX_WRONG_SIGNATURE_COST) return false;
    if (certificate.isSignedBy(issuer)) return true;
    this.#wrong.push([certificate, issuer]);
    this.#cost += costOfVerifying(issuer.publicKey);
    return false;
  }
}
