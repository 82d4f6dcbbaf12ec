// The options for opening an inbox in SQLite or PostgreSQL, and the approximate size of an event in memory.

import type { Delivery } from "../../core/delivery/delivery.ts";
import type { FirstSight } from "./inbox.ts";

/** Options of an inbox, besides its location. */
export interface InboxOptions {
  /**
   * Returns Unix milliseconds. The default is the system clock, or for PostgreSQL the clock of the server, because several origins
   * share the server.
   */
  readonly clock?: () => number;
  /**
   * Returns milliseconds of a clock that nobody can set. The default is `clock` if `clock` is given, otherwise the system's
   * monotonic clock.
   */
  readonly monotonic?: () => number;
  /**
   * Called after the commit if a sender was accepted with a certificate that it had not presented before. Only the process that
   * stored the certificate calls this function. `firstSights` is empty if the sender itself is new, or if the key, the issuer and
   * all intermediates are known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
  /**
   * Permits a file on a network file system (NFS, SMB and similar ones), where SQLite can lose or damage it. The default is false:
   * such a file is refused.
   */
  readonly allowNetworkFileSystem?: boolean;
  /**
   * Called with each notice for the operator when the inbox is opened. A notice says that others could read the file, that the file
   * is on a network file system, that the connection is not protected, or that it goes through a connection pooler.
   */
  readonly onNotice?: (text: string) => void;
}

/** The approximate size in octets of an event in memory, without its body. */
const EVENT_BYTES = 4096;

export function byteSizeOf({ body }: Delivery): number {
  return body.byteLength + EVENT_BYTES;
}
