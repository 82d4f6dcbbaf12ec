// Converts an event to the values of its row, for SQLite and PostgreSQL. Also has the type for the result of an insert.

import type { Delivery } from "../../../core/delivery/delivery.ts";
import type { Acceptance, AssertionId } from "../../accept.ts";

export type Insertion =
  | { readonly outcome: "replayed" }
  | Extract<Acceptance, { outcome: "duplicate" }>
  | (Extract<Acceptance, { outcome: "stored" }> & { readonly sequence: number });

/** The columns that the insert of an event sets, in SQLite and in PostgreSQL. */
export const EVENT_ROW_COLUMNS = `id, issuer, jti, accepted_at, sender, method, target, content_type, headers, body,
  content_digest, event_key, certificate, certificate_id, factors, relied_on_edge, policy_digest, order_key, assertion_expires`;

/** Returns one value for each of `EVENT_ROW_COLUMNS`, in the same order. `now` is in Unix seconds. */
export function columnsOf(delivery: Delivery, assertion: AssertionId, now: number, certificateId: number | null) {
  const { id, sender, request, headers, body, contentDigest, eventKey, orderKey, policyDigest } = delivery;
  // The bytes of the certificates are left out, because they are in the table `certificate`.
  const { der, intermediates, ...certificate } = delivery.certificate ?? {};
  return [
    id, assertion.issuer, assertion.jti, now, sender, request.method, request.target, request.contentType,
    JSON.stringify(headers), body, contentDigest, eventKey ?? null,
    JSON.stringify(delivery.certificate && certificate) ?? "null", certificateId,
    JSON.stringify(delivery.factors), JSON.stringify(delivery.reliedOnEdge), policyDigest, orderKey ?? null,
    assertion.expires,
  ] as const; // biome-ignore format: one value a column
}
