// The durable inbox: where an event is before its sender is told that it arrived.

import type { AcceptDelivery } from "./authenticate-options.ts";

export interface Inbox {
  /** One insert, committed to disk when it returns: acceptance and replay check at once. */
  readonly accept: AcceptDelivery;
  /** Events stored. */
  count(): number;
  close(): void;
}
