// Which certificates routes in observe mode are presented with: each distinct one is told of once, and only so many.
// It decides nothing. What it keeps are fingerprints.

import { describeCertificate } from "./admit.ts";
import type { LogLine, Trace } from "./decision.ts";
import { type ClientCertificate, formatClientCertChainField, formatClientCertField } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";
import {
  MAX_CERTIFICATE_FIELD_CHARACTERS,
  MAX_CHAIN_FIELD_CHARACTERS,
  MAX_OBSERVED_PROVEN,
  MAX_OBSERVED_UNPROVEN,
} from "./wire.ts";

/** Remembers, for one process or isolate, what has been told. */
export class Observer {
  /** By share. */
  readonly #told = new Map<string, Set<string>>();

  /**
   * The line for a certificate that an observed route sees for the first time, the certificate in it (RFC 9440 fields);
   * undefined for every other request.
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
  // A certificate that no field can carry could not be read again.
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
    // Without "mtls" the sender was admitted by other factors, and the certificate was only there.
    factors: admitted?.factors,
    certificate: describeCertificate(certificate),
    clientCert,
    clientCertChain,
  };
}

/**
 * What an observed certificate uses up, of a route: the share of the sender that it admitted, that of the anchor that
 * proves it, or that of strangers. Anybody can make certificates that nothing proves, and many can get one of a public CA:
 * they leave room for the others.
 */
export function shareOf(line: LogLine): string {
  const { route, isProven, sender, anchor, factors } = line;
  const isAdmitted = isProven === true && Array.isArray(factors) && factors.includes("mtls");
  return JSON.stringify([route, isProven === true, isAdmitted ? sender : null, isProven === true ? anchor : null]);
}

/**
 * What tells one certificate from another: nothing outside of what its issuer signed. The signature itself can be written
 * in several ways by anybody (ECDSA), and each makes another digest.
 */
export function identityOf(line: LogLine): string {
  const { issuer, serial, spkiSha256 } = Object(line["certificate"]) as Record<string, unknown>;
  return JSON.stringify([issuer, serial, spkiSha256]);
}
