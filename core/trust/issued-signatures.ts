// Verifies the signatures on certificates for one request, up to a limit of computing time. With some keys, it takes long to verify
// a signature, and an anchor may have such a key. Without the limit, a stranger could present many certificates that name this
// anchor as their issuer. Their signatures would be wrong, but each signature would have to be verified.

import { MAX_SIGNATURE_COST, MAX_WRONG_SIGNATURE_COST } from "../wire.ts";
import { costOfVerifying } from "../x509/algorithms.ts";
import type { Certificate } from "../x509/certificate.ts";

export class IssuedSignatures {
  #verdicts: Map<Certificate, Map<Certificate, boolean>> | undefined;
  #cost = 0;
  #wrongCost = 0;

  /**
   * True if `issuer`'s key signed the certificate. Once the limit is reached, verifies no more signatures and returns false for
   * them.
   */
  holds(certificate: Certificate, issuer: Certificate): boolean {
    this.#verdicts ??= new Map();
    const verdicts = this.#verdicts.get(certificate) ?? new Map<Certificate, boolean>();
    const known = verdicts.get(issuer);
    if (known !== undefined) return known;
    if (this.#wrongCost >= MAX_WRONG_SIGNATURE_COST || this.#cost >= MAX_SIGNATURE_COST) return false;
    const verdict = certificate.isSignedBy(issuer);
    this.#verdicts.set(certificate, verdicts.set(issuer, verdict));
    const cost = costOfVerifying(issuer.publicKey);
    this.#cost += cost;
    if (!verdict) this.#wrongCost += cost;
    return verdict;
  }
}
