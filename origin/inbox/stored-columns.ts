// One event as the values of its row, and what became of storing it, for both stores.

import type { Delivery } from "../../core/delivery.ts";
import type { Acceptance, AssertionId } from "../acceptance.ts";

export type Insertion =
  | { readonly outcome: "replayed" }
  | Extract<Acceptance, { outcome: "duplicate" }>
  | (Extract<Acceptance, { outcome: "stored" }> & { readonly sequence: number });

/** Of both stores' INSERT. */
export const EVENT_ROW_COLUMNS = `id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body,
  content_digest, event_key, certificate, certificate_id, factors, relied_on_edge, policy_digest, order_key, assertion_expires`;

/** One value for each of EVENT_ROW_COLUMNS, in that order. `now` in Unix seconds. */
export function columnsOf(delivery: Delivery, assertion: AssertionId, now: number, certificateId: number | null) {
  const { id, sender, request, headers, body, contentDigest, eventKey, orderKey, policyDigest } = delivery;
  // The bytes are in the certificate's own row.
  const { der, intermediates, ...certificate } = delivery.certificate ?? {};
  return [
    id, assertion.issuer, assertion.jti, now, sender, request.method, request.target, request.contentType,
    JSON.stringify(headers), body, contentDigest, eventKey ?? null,
    JSON.stringify(delivery.certificate && certificate) ?? "null", certificateId,
    JSON.stringify(delivery.factors), JSON.stringify(delivery.reliedOnEdge), policyDigest, orderKey ?? null,
    assertion.expires,
  ] as const; // biome-ignore format: one value a column
}
