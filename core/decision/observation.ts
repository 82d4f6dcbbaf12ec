// Chooses which certificates are reported for routes in observe mode: each distinct one once, up to a limit. It decides nothing,
// and keeps only fingerprints.

import type { Trace } from "../admission/trace.ts";
import type { LogLine } from "../log-line.ts";
import { Refusal } from "../refusal.ts";
import {
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
  MAX_OBSERVED_PROVEN,
  MAX_OBSERVED_UNPROVEN,
} from "../wire.ts";
import {
  type ClientCertificate,
  describeCertificate,
  formatClientCertChainField,
  formatClientCertField,
} from "../x509/client-certificate.ts";

/** Remembers, for one process or isolate, what was reported. */
export class Observer {
  /** Indexed by share. */
  readonly #told = new Map<string, Set<string>>();

  /**
   * The log line for a certificate that an observed route sees for the first time, with the certificate in it (RFC 9440 fields).
   * Undefined for every other request.
   */
  observe(trace: Trace, refusal?: Refusal): LogLine | undefined {
    const { route, evidence } = trace;
    const certificate = evidence?.certificate;
    if (!route?.isObserved || certificate === undefined || certificate instanceof Refusal) return undefined;
    const line = describe(route.path, certificate, trace, refusal);
    if (line === undefined) return undefined;
    const share = shareOf(line);
    const limit = line["isProven"] ? MAX_OBSERVED_PROVEN : MAX_OBSERVED_UNPROVEN;
    const told = this.#told.get(share) ?? new Set();
    this.#told.set(share, told);
    const identity = identityOf(line);
    if (told.has(identity) || told.size > limit) return undefined;
    told.add(identity);
    if (told.size <= limit) return line;
    const { isProven, sender, anchor } = line;
    return { decision: "failed", code: "observation_full", route: route.path, isProven, sender, anchor, limit };
  }
}

function describe(
  route: string,
  certificate: ClientCertificate,
  { context, admitted, proven }: Trace,
  refusal: Refusal | undefined,
): LogLine | undefined {
  const clientCert = formatClientCertField(certificate.leaf);
  const clientCertChain = formatClientCertChainField(certificate.intermediates);
  // A certificate that is too large for its field could not be read back from the log.
  if (clientCert.length > MAX_CERTIFICATE_FIELD_CHARACTERS || clientCertChain.length > MAX_CHAIN_FIELD_CHARACTERS)
    return undefined;
  const [proof] = proven?.proofs.values() ?? [];
  return {
    decision: "observed",
    id: context.id,
    route,
    verdict: admitted === undefined ? refusal?.code : "accepted",
    isProven: proof !== undefined,
    anchor: admitted?.certified?.proof.anchor ?? proof?.anchor,
    sender: admitted?.sender.name,
    // If "mtls" is not among them, other factors admitted the sender, and the certificate was only presented.
    factors: admitted?.factors,
    certificate: describeCertificate(certificate),
    clientCert,
    clientCertChain,
  };
}

/**
 * The share of the route's limit that an observed certificate counts against: that of the sender admitted with it, that of the
 * anchor that proves it, or that of strangers. They are separate because anybody can make certificates that nothing proves, and
 * many can get one of a public CA: these must not use up the room of the others.
 */
export function shareOf(line: LogLine): string {
  const { route, isProven, sender, anchor, factors } = line;
  const isAdmitted = isProven === true && Array.isArray(factors) && factors.includes("mtls");
  return JSON.stringify([route, isProven === true, isAdmitted ? sender : null, isProven === true ? anchor : null]);
}

/**
 * What identifies a certificate. Only values that its issuer signed: anybody can write an ECDSA signature in another valid form,
 * and that gives the certificate another digest.
 */
export function identityOf(line: LogLine): string {
  const { issuer, serial, spkiSha256 } = Object(line["certificate"]) as Record<string, unknown>;
  return JSON.stringify([issuer, serial, spkiSha256]);
}
