// Checks the verdict of our own code on a certificate against a second verdict, for example that of OpenSSL in the handshake.

import type { Candidate } from "../core/admission/candidate.ts";
import { Refusal } from "../core/refusal.ts";

/**
 * Calls `check` if a candidate has a proven certificate. If `check` throws, keeps only the candidates that need no certificate.
 * @throws Refusal of `check`, if every candidate needs a certificate
 */
export function crossCheckCandidates(candidates: readonly Candidate[], check: () => void): readonly Candidate[] {
  if (!candidates.some(({ certified }) => certified !== undefined)) return candidates;
  try {
    check();
    return candidates;
  } catch (error) {
    const others = candidates.filter(({ certified }) => certified === undefined);
    if (others.length === 0 || !(error instanceof Refusal)) throw error;
    return others;
  }
}
