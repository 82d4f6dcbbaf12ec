// What both stores are opened with, and what an event weighs in both.

import type { Delivery } from "../../core/delivery.ts";
import type { FirstSight } from "../inbox.ts";

/** What an inbox may be told beside its place. */
export interface InboxOptions {
  /** Unix milliseconds. Default: the system's; for PostgreSQL that of the server, which several origins share. */
  readonly clock?: () => number;
  /** Milliseconds by a clock that nobody sets. Default: the system's, or `clock` where that is given. */
  readonly monotonic?: () => number;
  /**
   * Called when a sender was accepted with what it was not seen with before, after the commit, in the one process that
   * wrote it; with nothing in the list when the sender itself is new, or its key, issuer and intermediates are known.
   */
  readonly onNewCertificate?: (firstSights: readonly FirstSight[]) => void;
  /**
   * Lets the file be on a network file system (NFS, SMB and the like), which else is refused: SQLite can lose or damage it there.
   * Default: false.
   */
  readonly allowNetworkFileSystem?: boolean;
  /** Called at the start with what an operator should know of the place: who can read it, or what is on the way. */
  readonly onNotice?: (text: string) => void;
}

/** About what an event holds in memory beside its body. */
const EVENT_BYTES = 4096;

export function weigh({ body }: Delivery): number {
  return body.byteLength + EVENT_BYTES;
}
