// The options with which each of the two stores is opened, and the size of an event.

import type { Delivery } from "../../core/delivery/delivery.ts";
import type { FirstSight } from "./inbox.ts";

/** Options of an inbox, besides its location. */
export interface InboxOptions {
  /**
   * Returns Unix milliseconds. The default is the system clock. For PostgreSQL it is the clock of the server, which several
   * origins share.
   */
  readonly clock?: () => number;
  /**
   * Returns milliseconds of a clock that nobody can set. The default is the system's monotonic clock, or `clock` if that is given.
   */
  readonly monotonic?: () => number;
  /**
   * Called after the commit if a sender was accepted with a certificate that it had not presented before. It is called only in the
   * process that wrote the certificate. The list is empty if the sender itself is new, or if key, issuer and intermediates are all
   * known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
  /**
   * Permits a file on a network file system (NFS, SMB and similar ones). Without it, such a file is refused, because SQLite can
   * lose or damage it there. The default is false.
   */
  readonly allowNetworkFileSystem?: boolean;
  /**
   * Called at the start with what an operator should know of the location: that others could read the file, that the connection is
   * not protected, or that it goes through a connection pooler.
   */
  readonly onNotice?: (text: string) => void;
}

/** Approximate size of an event in memory without its body. */
const EVENT_BYTES = 4096;

export function byteSizeOf({ body }: Delivery): number {
  return body.byteLength + EVENT_BYTES;
}
