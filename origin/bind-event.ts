// Makes the delivery of an admitted request, with its event key and its order key.

import type { AdmittedSender } from "../core/admission/candidate.ts";
import type { Trace } from "../core/admission/trace.ts";
import { bindDelivery, type Delivery, type ReceivedEvent } from "../core/delivery/delivery.ts";
import { vouchedIntermediates } from "../core/trust/authorities.ts";
import { readEventKeys } from "./event-key/event-key.ts";

/**
 * Makes the delivery. If the event lacks its event key or its order key, the log line says why. Without its event key, an event is
 * not recognised when it is sent again. Without its order key, an event is not kept in order.
 */
export function bindEvent(trace: Trace, admitted: AdmittedSender, event: ReceivedEvent): Delivery {
  const { keys, unread } = readEventKeys(admitted.sender, event.headers, event.body.bytes);
  if (Object.keys(unread).length > 0) trace.context.unreadKeys = unread;
  return bindDelivery(withoutStrangers(admitted), event, keys);
}

/**
 * Keeps only the intermediates that connect the sender's certificate with an anchor. Otherwise a sender could add other
 * intermediates to each request, and all of them would be stored.
 */
function withoutStrangers(admitted: AdmittedSender): AdmittedSender {
  const { certified, sender } = admitted;
  const anchors = sender.certificate?.trust.anchors ?? [];
  // If a sender has no anchors, only Cloudflare verified its certificate. Cloudflare does not say which intermediates are on the
  // path, so all of them are kept.
  if (certified === undefined || anchors.length === 0) return admitted;
  const intermediates = vouchedIntermediates(certified.certificate, anchors);
  return { ...admitted, certified: { ...certified, certificate: { ...certified.certificate, intermediates } } };
}
