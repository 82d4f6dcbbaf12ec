// Chooses which certificates are reported for routes in observe mode. Each certificate is reported only once, and the number of
// reported certificates is limited. This code does not affect the verdict, and keeps only identities of certificates.

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

/** Remembers which certificates one process or isolate has reported. */
export class Observer {
  /** The identities of reported certificates. They are grouped by the result of `shareOf`, because each group has its own limit. */
  readonly #told = new Map<string, Set<string>>();

  /**
   * Returns the log line for a certificate that an observed route gets for the first time. The line contains the certificate in RFC
   * 9440 fields. When the limit is exceeded for the first time, returns a line with the code `observation_full`. Returns undefined
   * for every other request.
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
  // A certificate that is too large for its field could not be read again from the log. Therefore, it is not reported.
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
    // If `factors` lacks "mtls", other factors admitted the sender, and nobody checked the presented certificate.
    factors: admitted?.factors,
    certificate: describeCertificate(certificate),
    clientCert,
    clientCertChain,
  };
}

/**
 * Observed certificates are divided into groups, called shares, and each share has its own limit. Returns the key of the share to
 * which the certificate of a log line belongs. The key consists of the route, the sender that the certificate admitted, and the
 * anchor that proves the certificate. All unproven certificates of a route have one share together. With a single limit for all
 * shares, certificates of strangers could use up the limit: anybody can make unproven certificates, and many people can get a
 * certificate of a public CA.
 */
export function shareOf(line: LogLine): string {
  const { route, isProven, sender, anchor, factors } = line;
  const isAdmitted = isProven === true && Array.isArray(factors) && factors.includes("mtls");
  return JSON.stringify([route, isProven === true, isAdmitted ? sender : null, isProven === true ? anchor : null]);
}

/**
 * Identifies a certificate by values that its issuer signed. The digest of the certificate is not used. Anybody can change the
 * encoding of an ECDSA signature so that the signature stays valid, and then the certificate has a different digest.
 */
export function identityOf(line: LogLine): string {
  const { issuer, serial, spkiSha256 } = Object(line["certificate"]) as Record<string, unknown>;
  return JSON.stringify([issuer, serial, spkiSha256]);
}
