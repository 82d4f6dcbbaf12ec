// The options with which both stores are opened, and the size of an event.

import type { Delivery } from "../../core/delivery/delivery.ts";
import type { FirstSight } from "./inbox.ts";

/** Options of an inbox, besides its location. */
export interface InboxOptions {
  /** Unix milliseconds. Default: the system clock. For PostgreSQL: the clock of the server, which several origins share. */
  readonly clock?: () => number;
  /** Milliseconds of a clock that nobody can set. Default: the system's monotonic clock, or `clock` if that is given. */
  readonly monotonic?: () => number;
  /**
   * Called after the commit when a sender was accepted with a certificate that it was not seen with before, only in the process
   * that wrote it. The list is empty if the sender itself is new, or if key, issuer and intermediates are all known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
  /**
   * Permits a file on a network file system (NFS, SMB and the like). Otherwise it is refused, because SQLite can lose or damage
   * it there. Default: false.
   */
  readonly allowNetworkFileSystem?: boolean;
  /**
   * Called at the start with what an operator should know of the location: that others could read the file, that the connection
   * is not protected, or that a connection pooler is in between.
   */
  readonly onNotice?: (text: string) => void;
}

/** Approximate size of an event in memory without its body. */
const EVENT_BYTES = 4096;

export function byteSizeOf({ body }: Delivery): number {
  return body.byteLength + EVENT_BYTES;
}
