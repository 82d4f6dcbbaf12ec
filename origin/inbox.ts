// The durable inbox: where an event is before its sender is told that it arrived, and what its sender presented.

import type { Factor } from "../core/candidate.ts";
import type { CertificateFacts, Delivery, RequestFacts } from "../core/delivery.ts";
import type { Acceptance, AcceptDelivery, AssertionId } from "./acceptance.ts";

/** A certificate that a sender was accepted with, and what came with it. Names as in CertificateFacts, times in Unix seconds. */
export interface SeenCertificate {
  readonly sender: string;
  readonly subject: string;
  readonly issuer: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notAfter: number;
  /** Base64 DER, as presented. */
  readonly der: string;
  readonly intermediates: readonly string[];
  readonly firstSeen: number;
  /** At most an hour before the last event that came with it. */
  readonly lastSeen: number;
}

/** The bytes are missing only when somebody deleted them from the file. */
export type StoredCertificate = Omit<CertificateFacts, "der" | "intermediates"> &
  Partial<Pick<CertificateFacts, "der" | "intermediates">>;

/** An accepted event, as it was stored. */
export interface StoredEvent {
  readonly sequence: number;
  readonly id: string;
  readonly issuer: string;
  readonly jti: string;
  /** Unix seconds. */
  readonly acceptedAt: number;
  readonly sender: string;
  readonly request: RequestFacts;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Undefined once it is erased. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly contentDigest: string;
  readonly eventKey: string | undefined;
  readonly orderKey: string | undefined;
  /** Undefined for a sender whose policy required none. */
  readonly certificate: StoredCertificate | undefined;
  readonly factors: readonly Factor[];
  readonly reliedOnEdge: readonly Factor[];
  readonly policyDigest: string;
}

/** A sender that was known presented what it never presented before. It was accepted all the same. */
export interface FirstSight {
  readonly what: "new key" | "new issuer" | "new intermediate";
  readonly sender: string;
  /** The event that brought it. */
  readonly id: string;
  /** What the sender presented last, and since when, in Unix seconds. */
  readonly old: string;
  readonly since: number;
  readonly new: string;
}

/** How far an event is. `waiting` for its first or next attempt, `leased` to a process that attempts it, and the two ends. */
export type EventState = "waiting" | "leased" | "done" | "dead";

/** The work on an event: beside what was stored when it was accepted. */
export interface EventWork {
  readonly state: EventState;
  /** Attempts begun. */
  readonly attempts: number;
  /** Unix milliseconds: when the next attempt may begin. */
  readonly dueAt: number;
  /** Why the last attempt failed, or why it is dead. */
  readonly reason: string | undefined;
  /** Unix seconds; undefined while it is neither done nor dead. */
  readonly finishedAt: number | undefined;
  /** Another event of the sender has the same key, method and target, and other bytes. */
  readonly hasConflict: boolean;
  /** How often the same event came again. */
  readonly duplicates: number;
  /** How often an operator had it handled again after it was done. */
  readonly reruns: number;
}

/** One attempt that this process may make, alone, until the lease runs out. */
export interface Lease {
  readonly event: StoredEvent;
  /** 1 for the first. */
  readonly attempt: number;
  /** Unix milliseconds: from then on another process may take it. */
  readonly until: number;
  readonly token: string;
}

/** What dispatch asks of an inbox. Every answer is committed. `false`: the lease was lost meanwhile, and nothing was changed. */
export interface WorkQueue {
  /**
   * Leases events that are due, the oldest first. Of one sender and order key never two at once, and none before an earlier
   * one is done or dead. Leases that ran out are due again. Of bodies as many as fit into `maxBytes`, and at least one.
   */
  claim(limit: number, leaseMilliseconds: number, maxBytes?: number): Promise<Lease[]>;
  extend(lease: Lease, leaseMilliseconds: number): Promise<boolean>;
  complete(lease: Lease): Promise<boolean>;
  retry(lease: Lease, waitMilliseconds: number, reason: string): Promise<boolean>;
  /** The dead-letter state. */
  bury(lease: Lease, reason: string): Promise<boolean>;
  /** Gives leases back unused: their attempts do not count. */
  release(leases: readonly Lease[]): Promise<void>;
  /** In how many milliseconds claim may find something, by the store's clock; undefined when nothing waits. */
  nextDueIn(): Promise<number | undefined>;
}

/** Which done events are handed to the handler again: those with these ids, or all that a filter means. */
export interface RerunOptions {
  readonly ids?: readonly string[];
  readonly filter?: EventFilter;
  /** Only counted. */
  readonly isTrial: boolean;
}

export interface Rerun {
  /** Those that go again. */
  readonly events: number;
  /** Done too, and left out: their bodies are erased. */
  readonly erased: number;
  /** And those that were dropped, not handled, unless their ids are given. */
  readonly dropped: number;
}

/** How long what is finished is kept. Facts outlive bodies. */
export interface Retention {
  readonly bodySeconds: number;
  readonly eventSeconds: number;
}

export interface EventFilter {
  readonly state?: EventState | undefined;
  readonly sender?: string | undefined;
  /** Unix seconds of acceptance: from this one on, and before that one. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** A route as the policy writes it: a path, or a prefix that ends with `/*`. */
  readonly route?: string | undefined;
  /** As it is stored, or the text of its only part. */
  readonly eventKey?: string | undefined;
  /** True: only those that share their key with other bytes. */
  readonly hasConflict?: boolean | undefined;
  /** The newest first; at most so many. */
  readonly limit: number;
}

/** Where a reading of many events goes on. */
export interface EventCursor {
  readonly first: number;
  readonly last: number;
}

export interface EventPage {
  readonly events: readonly (StoredEvent & EventWork & { readonly bodyBytes: number })[];
  /** Undefined: there are no more. */
  readonly next: EventCursor | undefined;
}

export interface InboxReader {
  /** Everything that senders were accepted with, in the order in which it was first seen; of one fingerprint when it is given. */
  certificates(sha256?: string): Promise<SeenCertificate[]>;
  /** What each of the senders was accepted with last, at most MAX_WATCHED_CERTIFICATES. */
  latestCertificates(senders: readonly string[]): Promise<SeenCertificate[]>;
  /** The event of this id. */
  event(id: string): Promise<(StoredEvent & EventWork) | undefined>;
  events(filter: EventFilter): Promise<(Omit<StoredEvent, "body"> & EventWork & { readonly bodyBytes: number })[]>;
  /**
   * The oldest first, with their bodies: a bounded number of bytes at a time. What is accepted after the first page was read is not among
   * them. `limit` bounds a page.
   */
  page(filter: EventFilter, cursor?: EventCursor): Promise<EventPage>;
  close(): Promise<void>;
}

/** Every accepted event, kept until `prune` erases it. `close` it last. */
export interface Inbox extends InboxReader {
  /** Replay check, duplicate check and storage in one commit, which acceptances of the same moment share. */
  readonly accept: AcceptDelivery;
  /**
   * The same, leased to this process at once: for an answer that waits for the handler. It is `stored` alone when an earlier
   * event of its order key is still to be handled.
   */
  acceptLeased(
    delivery: Delivery,
    assertion: AssertionId,
    leaseMilliseconds: number,
  ): Promise<{ readonly lease: Lease } | Acceptance>;
  readonly work: WorkQueue;
  /** Puts a dead or waiting event first in line, a dead one with its attempts before it; false when there is none such. */
  retryNow(id: string): Promise<boolean>;
  /** Makes a waiting or dead event done without handling it; false when there is none such. */
  drop(id: string, reason: string): Promise<boolean>;
  /**
   * Puts done events in line once more, all or none: with attempts before them and, of an order key, in order. Those that are not done are
   * passed over. Rejects when a later event of an order key was handled and is not among them, or is being handled.
   */
  rerun(options: RerunOptions): Promise<Rerun>;
  /** Erases what is older than the rule allows, a bounded number at a time; returns how many rows changed. */
  prune(retention: Retention): Promise<number>;
  /** Events stored. */
  count(): Promise<number>;
}
