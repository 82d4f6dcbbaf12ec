// Which certificates routes in observe mode are presented with: each distinct one is told of once, and only so many.
// It decides nothing. What it keeps are fingerprints.

import type { LogLine, Trace } from "./decision.ts";
import { formatClientCertChainField, formatClientCertField } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";
import { MAX_OBSERVED_PROVEN, MAX_OBSERVED_UNPROVEN } from "./wire.ts";

/** Remembers, for one process or isolate, what has been told. */
export class Observer {
  readonly #proven = new Set<string>();
  readonly #unproven = new Set<string>();

  /**
   * The line for a certificate that an observed route sees for the first time, the certificate in it (RFC 9440 fields);
   * undefined for every other request. Certificates that no anchor proves have a small share of their own: anybody can
   * make those.
   */
  observe({ route, evidence, admitted, context }: Trace, refusal?: Refusal): LogLine | undefined {
    const certificate = evidence?.certificate;
    if (!route?.isObserved || certificate === undefined || certificate instanceof Refusal) return undefined;
    const isProven = refusal?.problem !== "certificate-not-proven";
    const seen = isProven ? this.#proven : this.#unproven;
    const limit = isProven ? MAX_OBSERVED_PROVEN : MAX_OBSERVED_UNPROVEN;
    const key = `${certificate.leaf.sha256} ${route.path}`;
    if (seen.has(key) || seen.size > limit) return undefined;
    seen.add(key);
    if (seen.size > limit) {
      return { decision: "failed", code: "observation_full", route: route.path, isProven, limit };
    }
    return {
      decision: "observed",
      id: context.id,
      route: route.path,
      verdict: admitted === undefined ? refusal?.code : "accepted",
      isProven,
      sender: context["sender"],
      certificate: context.certificate,
      clientCert: formatClientCertField(certificate.leaf),
      clientCertChain: formatClientCertChainField(certificate.intermediates),
    };
  }
}
