// What an origin makes of an admitted request: its delivery, with what an inbox keeps it by.

import { vouchedIntermediates } from "../core/authorities.ts";
import type { AdmittedSender } from "../core/candidate.ts";
import type { Trace } from "../core/decision.ts";
import { bindDelivery, type Delivery, type ReceivedEvent } from "../core/delivery.ts";
import { readEventKeys } from "../core/event-key.ts";

/** Without its key the same event again is another, and one without its order comes in any: so the line says why it has none. */
export function bindEvent(trace: Trace, admitted: AdmittedSender, event: ReceivedEvent): Delivery {
  const { keys, unread } = readEventKeys(admitted.sender, event.headers, event.body.bytes);
  if (Object.keys(unread).length > 0) trace.context["unreadKeys"] = unread;
  return bindDelivery(withoutStrangers(admitted), event, keys);
}

/** Without the intermediates that no anchor vouches for: a sender may add others to each request, and all would be kept. */
function withoutStrangers(admitted: AdmittedSender): AdmittedSender {
  const { certified, sender } = admitted;
  const anchors = sender.certificate?.trust.anchors ?? [];
  // Where the platform alone was asked, nobody says which they are.
  if (certified === undefined || anchors.length === 0) return admitted;
  const intermediates = vouchedIntermediates(certified.certificate, anchors);
  return { ...admitted, certified: { ...certified, certificate: { ...certified.certificate, intermediates } } };
}
