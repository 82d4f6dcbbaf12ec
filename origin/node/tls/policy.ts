// Reads from the policy what a TLS listener needs before it opens. This file does not load TLS, because the check of a policy uses
// this file without opening a listener.

import { ConfigurationError, formatPointer } from "../../../core/configuration-error.ts";
import type { Anchor, Policy } from "../../../core/policy/policy.ts";

/**
 * Returns the anchors to name to clients. They are the anchors of the senders that some route admits. The list is empty if no
 * sender needs a certificate.
 * @throws ConfigurationError if no sender could be admitted here
 */
export function anchorsInUse({ routes }: Policy): readonly Anchor[] {
  const senders = routes.flatMap((route) => route.senders);
  const anchors = new Set(senders.flatMap(({ certificate }) => certificate?.trust.anchors ?? []));
  if (anchors.size === 0 && senders.every(({ certificate }) => certificate !== undefined)) {
    throw new ConfigurationError("listener", [
      "/anchors: no route uses an anchor, so there is no CA to name to clients, although every sender needs a certificate",
    ]);
  }
  return [...anchors];
}

/**
 * Requires that the policy demands a certificate from every sender of a route. A listener that requires certificates would end the
 * connections of any other sender.
 * @throws ConfigurationError that names each sender that presents no certificate
 */
export function requireCertificates({ routes }: Policy): void {
  const senders = routes.flatMap((route) => route.senders).filter(({ certificate }) => certificate === undefined);
  const names = [...new Set(senders.map(({ name }) => name))];
  if (names.length === 0) return;
  const why = "presents no certificate, so --client-certificates require would end its connections: use request";
  throw new ConfigurationError(
    "listener",
    names.map((name) => `${formatPointer(["senders", name])}: ${why}`),
  );
}
