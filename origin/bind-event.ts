// Makes the delivery of an admitted request, with the keys by which an inbox stores it.

import type { AdmittedSender } from "../core/admission/candidate.ts";
import type { Trace } from "../core/admission/trace.ts";
import { bindDelivery, type Delivery, type ReceivedEvent } from "../core/delivery/delivery.ts";
import { vouchedIntermediates } from "../core/trust/authorities.ts";
import { readEventKeys } from "./event-key/event-key.ts";

/**
 * An event without its event key is not recognised when it is sent again, and one without its order key is not kept in order. So
 * the log line says why the key is missing.
 */
export function bindEvent(trace: Trace, admitted: AdmittedSender, event: ReceivedEvent): Delivery {
  const { keys, unread } = readEventKeys(admitted.sender, event.headers, event.body.bytes);
  if (Object.keys(unread).length > 0) trace.context.unreadKeys = unread;
  return bindDelivery(withoutStrangers(admitted), event, keys);
}

/**
 * Removes the intermediates that no anchor vouches for: a sender could add other ones to each request, and all of them would be
 * stored.
 */
function withoutStrangers(admitted: AdmittedSender): AdmittedSender {
  const { certified, sender } = admitted;
  const anchors = sender.certificate?.trust.anchors ?? [];
  // If only the platform's verdict was used, it is not known which intermediates these are.
  if (certified === undefined || anchors.length === 0) return admitted;
  const intermediates = vouchedIntermediates(certified.certificate, anchors);
  return { ...admitted, certified: { ...certified, certificate: { ...certified.certificate, intermediates } } };
}
