// The durable inbox. It stores an event before the sender is told that it arrived, and the certificates that senders presented.

import type { Factor } from "../../core/admission/candidate.ts";
import type { CertificateFacts, Delivery, RequestFacts } from "../../core/delivery/delivery.ts";
import type { Acceptance, AcceptDelivery, AssertionId } from "../accept.ts";
import type { Durations, EventHistory } from "./attempts.ts";
import type { RefusalReader, RefusalStore } from "./refusals/refusals.ts";

/** A certificate with which a sender was accepted, and its intermediates. Names as in CertificateFacts, times in Unix seconds. */
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
  /** At most an hour earlier than the last event with this certificate. */
  readonly lastSeen: number;
}

/** When a sender was accepted. Times in Unix seconds. */
export interface SeenSender {
  readonly sender: string;
  /** Of its latest event. With a certificate at most an hour earlier, unless the event is among the latest 10,000. */
  readonly lastSeen: number;
  /** Certificates with different intermediates count as different ones. */
  readonly certificates: number;
  /** Of its first certificate that is still known. Undefined if none is. */
  readonly firstCertificate: number | undefined;
}

/** The bytes are missing only if somebody deleted them from the store. */
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
  /** Undefined after retention has deleted it. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
  readonly contentDigest: string;
  readonly eventKey: string | undefined;
  readonly orderKey: string | undefined;
  /** Undefined if the sender's policy required no certificate. */
  readonly certificate: StoredCertificate | undefined;
  readonly factors: readonly Factor[];
  readonly reliedOnEdge: readonly Factor[];
  readonly policyDigest: string;
}

/** A known sender presented something for the first time. It was accepted all the same. */
export interface FirstSight {
  readonly what: "new key" | "new issuer" | "new intermediate";
  readonly sender: string;
  /** The id of the event. */
  readonly id: string;
  /** What the sender presented before, and since when, in Unix seconds. */
  readonly old: string;
  readonly since: number;
  readonly new: string;
}

/**
 * The state of an event: `waiting` for its first or next attempt, `leased` to a process that attempts it, or finished: `done` or
 * `dead`.
 */
export type EventState = "waiting" | "leased" | "done" | "dead";

/** The work on an event, which changes after the event was stored. */
export interface EventWork {
  readonly state: EventState;
  /** How many attempts were started. */
  readonly attempts: number;
  /** Unix milliseconds at which the next attempt may start. */
  readonly dueAt: number;
  /** Why the last attempt failed, or why it is dead. */
  readonly reason: string | undefined;
  /** Unix seconds. Undefined if the event is neither done nor dead. */
  readonly finishedAt: number | undefined;
  /** Whether another event of the sender has the same key, method and target, but other bytes. */
  readonly hasConflict: boolean;
  /** How often the same event arrived again. */
  readonly duplicates: number;
  /** How often an operator ran the event again after it was done. */
  readonly reruns: number;
}

/** The right to attempt one event, which no other process has until the lease expires. */
export interface Lease {
  readonly event: StoredEvent;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** When it was leased, in Unix milliseconds. */
  readonly beganAt: number;
  /** Unix milliseconds. After this time another process may lease the event. */
  readonly until: number;
  readonly token: string;
}

/**
 * The operations that dispatch needs of an inbox. Each promise resolves after the commit. `false`: the lease was lost, and
 * nothing was changed.
 */
export interface WorkQueue {
  /**
   * Leases events that are due, the oldest first. Never leases two events of one sender and order key at the same time, or one
   * before an earlier one is done or dead. Expired leases are due again. Returns as many events as their bodies fit into
   * `maxBytes`, but at least one.
   */
  claim(limit: number, leaseMilliseconds: number, maxBytes?: number): Promise<Lease[]>;
  extend(lease: Lease, leaseMilliseconds: number): Promise<boolean>;
  /** `status` of this and the next two: the HTTP status of the response, for the record of the attempt. */
  complete(lease: Lease, status?: number): Promise<boolean>;
  retry(lease: Lease, waitMilliseconds: number, reason: string, status?: number): Promise<boolean>;
  /** Makes the event dead. */
  bury(lease: Lease, reason: string, status?: number): Promise<boolean>;
  /** Returns leases: their attempts do not count. Those that were begun are recorded. */
  release(leases: readonly Lease[], options?: { readonly wasBegun: boolean }): Promise<void>;
  /** Milliseconds until claim may find something, by the store's clock. Undefined if nothing waits. */
  nextDueIn(): Promise<number | undefined>;
}

/** Which done events to run again: those with these ids, or all that match a filter. */
export interface RerunOptions {
  readonly ids?: readonly string[];
  readonly filter?: EventFilter;
  /** Only counts, and changes nothing. */
  readonly isTrial: boolean;
}

export interface Rerun {
  /** Events that run again. */
  readonly events: number;
  /** Done events that are left out because their bodies are deleted. */
  readonly erased: number;
  /** Done events that are left out because they were dropped and never handled. If ids are given, dropped events are not left out. */
  readonly dropped: number;
}

/** How many events of an inbox are not done, each state counted up to 100,000. */
export interface Backlog {
  readonly waiting: number;
  readonly leased: number;
  readonly dead: number;
  /** When the oldest event that is neither done nor dead was accepted, in Unix seconds; undefined if there is none. */
  readonly oldestAcceptedAt: number | undefined;
}

/** How long finished events are kept. Facts are kept longer than bodies. Refused requests are kept as long as bodies. */
export interface Retention {
  readonly bodySeconds: number;
  readonly eventSeconds: number;
}

/** A route as the policy names it. A host has a dot or a port, or is this machine. */
export const ROUTE_NAME = /^(?:[^/?*#\s]*[.:][^/?*#\s]*|localhost)?\/(?:[^?*#\s]*|(?:[^?*#\s]*\/)?\*)$/;

export interface EventFilter {
  readonly state?: EventState | undefined;
  readonly sender?: string | undefined;
  /** Unix seconds of acceptance: `since` inclusive, `until` exclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** A route as in the policy: a path, or a prefix that ends in `/*`. */
  readonly route?: string | undefined;
  /** As it is stored, or the text of its only part. */
  readonly eventKey?: string | undefined;
  /** If true: only events with a conflict. */
  readonly hasConflict?: boolean | undefined;
  /** At most this number of events, the newest first. */
  readonly limit: number;
}

/** Where to continue reading many events. */
export interface EventCursor {
  readonly first: number;
  readonly last: number;
}

export interface EventPage {
  readonly events: readonly (StoredEvent & EventWork & { readonly bodyBytes: number })[];
  /** Undefined if there are no more events. */
  readonly next: EventCursor | undefined;
}

/** Which events to list, the newest first. Unlike `events`, a search has an end: it says where to continue. */
export interface NewestQuery extends EventFilter {
  /** A whole event id or event key; if there is none, a part of one, whatever its case. */
  readonly text?: string | undefined;
  /** `next` of the page before. */
  readonly before?: number | undefined;
}

/** An event without the columns that may be large. */
export type ListedEvent = Pick<
  StoredEvent,
  "sequence" | "id" | "acceptedAt" | "sender" | "request" | "eventKey" | "orderKey"
> &
  EventWork & { readonly bodyBytes: number };

export interface NewestPage {
  readonly events: readonly ListedEvent[];
  /** Pass it as `before` to continue. Undefined if there are no older events. */
  readonly next: number | undefined;
  /**
   * If the search ended before the page was full although there are older events: when the oldest event that was looked at was
   * accepted, in Unix seconds.
   */
  readonly searchedTo: number | undefined;
}

/** How many events were accepted in one span of time, and what became of them by now. */
export interface ActivitySpan {
  /** Unix seconds, inclusive. */
  readonly from: number;
  readonly done: number;
  readonly unfinished: number;
  readonly dead: number;
}

export interface Activity {
  readonly spans: readonly ActivitySpan[];
  /** False if there are so many events that an event near the end of a span may be counted in the next one. */
  readonly isExact: boolean;
}

export interface InboxReader {
  /**
   * Every certificate with which senders were accepted, in the order in which it was first seen. If `sha256` is given, only those
   * with this digest.
   */
  certificates(sha256?: string): Promise<SeenCertificate[]>;
  /** The certificates with which each of the senders was accepted last, at most MAX_WATCHED_CERTIFICATES for each. */
  latestCertificates(senders: readonly string[]): Promise<SeenCertificate[]>;
  /** The event with this id. */
  event(id: string): Promise<(StoredEvent & EventWork) | undefined>;
  /** The attempts of the event with this id. Undefined if there is no such event. */
  attempts(id: string): Promise<EventHistory | undefined>;
  events(filter: EventFilter): Promise<(Omit<StoredEvent, "body"> & EventWork & { readonly bodyBytes: number })[]>;
  /**
   * Events with their bodies, the oldest first, in pages of a limited number of bytes. Events accepted after the first page was
   * read are not included. `limit` applies to a page.
   */
  page(filter: EventFilter, cursor?: EventCursor): Promise<EventPage>;
  /** The newest events that match, for a list in pages. Takes a limited time, however many events there are. */
  newest(query: NewestQuery): Promise<NewestPage>;
  /** Events by time: `count` spans of `seconds`, the first of which begins at `since` (Unix seconds). */
  activity(since: number, seconds: number, count: number): Promise<Activity>;
  /** How long attempts took, and events waited until they were done, by the same spans. Takes a limited time, however many there are. */
  durations(since: number, seconds: number, count: number): Promise<Durations>;
  /** A text that is another one after an event was accepted the work on an event changed, or a request was refused. Costs a few look-ups in indexes. */
  pulse(): Promise<string>;
  /** The senders that were accepted: those with a certificate, and those of the latest 10,000 events. */
  senders(): Promise<SeenSender[]>;
  readonly refusals: RefusalReader;
  close(): Promise<void>;
}

/** Every accepted event, kept until `prune` deletes it. Call `close` last. */
export interface Inbox extends InboxReader {
  /** Replay check, duplicate check and storage in one commit. Acceptances at the same time share a commit. */
  readonly accept: AcceptDelivery;
  /**
   * Like `accept`, but also leases the event to this process at once, for a response that waits for the handler. Only `stored`,
   * without a lease, if an earlier event of its order key is not finished yet.
   */
  acceptLeased(
    delivery: Delivery,
    assertion: AssertionId,
    leaseMilliseconds: number,
  ): Promise<{ readonly lease: Lease } | Acceptance>;
  readonly work: WorkQueue;
  readonly refusals: RefusalStore;
  /** Makes a dead or waiting event due before all others. A dead event gets new attempts. False if there is no such event. */
  retryNow(id: string): Promise<boolean>;
  /** Makes a waiting or dead event done without handling it. False if there is no such event. */
  drop(id: string, reason: string): Promise<boolean>;
  /**
   * Makes done events due again, all or none, with new attempts, and in order if they have an order key. Skips events that are
   * not done. Rejects if a later event of an order key is being handled, or was handled and is not among them.
   */
  rerun(options: RerunOptions): Promise<Rerun>;
  /** Deletes a limited number of entries that are older than the rule allows. Returns how many rows changed. */
  prune(retention: Retention): Promise<number>;
  /** The number of stored events. */
  count(): Promise<number>;
  /** What is not done. */
  backlog(): Promise<Backlog>;
}
