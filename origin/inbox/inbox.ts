// The durable inbox. It stores an event before the sender gets a response. It also stores the certificates that senders presented.

import type { Factor } from "../../core/admission/candidate.ts";
import type { CertificateFacts, Delivery, RequestFacts } from "../../core/delivery/delivery.ts";
import type { Acceptance, AcceptDelivery, AssertionId } from "../accept.ts";
import type { Durations, EventHistory } from "./attempts.ts";
import type { RefusalReader, RefusalStore } from "./refusals/refusals.ts";

/**
 * A certificate with which a sender was accepted. Subject and issuer are written as in CertificateFacts. Times are in Unix seconds.
 */
export interface SeenCertificate {
  readonly sender: string;
  readonly subject: string;
  readonly issuer: string;
  readonly sha256: string;
  readonly spkiSha256: string;
  readonly notAfter: number;
  /** The certificate in base64 DER, as presented. */
  readonly der: string;
  readonly intermediates: readonly string[];
  readonly firstSeen: number;
  /** The time of the last event with this certificate. It may be up to an hour too early. */
  readonly lastSeen: number;
}

/** The times at which a sender was accepted, in Unix seconds. */
export interface SeenSender {
  readonly sender: string;
  /**
   * The time of the sender's latest event. It may be up to an hour too early if 10,000 or more events of other senders are newer.
   */
  readonly lastSeen: number;
  /**
   * The number of the sender's certificates. A certificate that was presented with two different lists of intermediates counts
   * twice.
   */
  readonly certificates: number;
  /** The earliest time at which one of the stored certificates was first presented. Undefined if none is stored. */
  readonly firstCertificate: number | undefined;
}

/** The certificate of an event. `der` and `intermediates` are missing only if somebody deleted the certificate from the store. */
export type StoredCertificate = Omit<CertificateFacts, "der" | "intermediates"> &
  Partial<Pick<CertificateFacts, "der" | "intermediates">>;

/** An accepted event, as it was stored. */
export interface StoredEvent {
  readonly sequence: number;
  readonly id: string;
  readonly issuer: string;
  readonly jti: string;
  /** The time of acceptance in Unix seconds. */
  readonly acceptedAt: number;
  readonly sender: string;
  readonly request: RequestFacts;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** The body. Undefined after retention has deleted the body. */
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

/** Reports that a known sender presented a key, issuer or intermediate for the first time, with an event that was accepted. */
export interface FirstSight {
  readonly what: "new key" | "new issuer" | "new intermediate";
  readonly sender: string;
  /** The id of the event. */
  readonly id: string;
  /** The sender's former key, issuer or intermediates, and the Unix seconds at which they were first presented (`since`). */
  readonly old: string;
  readonly since: number;
  readonly new: string;
}

/**
 * The state of an event. `waiting`: for its first or next attempt. `leased`: a process attempts it. `done`: it was handled, or an
 * operator dropped it. `dead`: no attempt follows.
 */
export type EventState = "waiting" | "leased" | "done" | "dead";

/** The progress of an event. These values change after the event was stored. */
export interface EventWork {
  readonly state: EventState;
  /** The number of attempts that were started. */
  readonly attempts: number;
  /** Unix milliseconds: of the next attempt, of the end of a lease, or of the last change if the event is done or dead. */
  readonly dueAt: number;
  /** The reason why the last attempt failed, why the event is dead, or why an operator dropped it. */
  readonly reason: string | undefined;
  /** The time in Unix seconds at which the event became done or dead. Undefined if it is neither. */
  readonly finishedAt: number | undefined;
  /** True if another event of the sender has the same event key, method and target, but a different body. */
  readonly hasConflict: boolean;
  /** The number of times that the same event arrived again. */
  readonly duplicates: number;
  /** The number of times that an operator ran the event again after it was done. */
  readonly reruns: number;
}

/** The right to attempt one event. No other process has this right until the lease expires. */
export interface Lease {
  readonly event: StoredEvent;
  /** The number of the attempt. The first attempt has the number 1. */
  readonly attempt: number;
  /** The time at which the event was leased, in Unix milliseconds. */
  readonly beganAt: number;
  /** The end of the lease in Unix milliseconds. After this time another process may lease the event. */
  readonly until: number;
  readonly token: string;
}

/**
 * The operations of an inbox that dispatch needs. Each promise resolves after the commit. The result `false` means that the lease
 * was lost and nothing was changed.
 */
export interface WorkQueue {
  /**
   * Leases at most `limit` events that are due, in the order of their due times. Never leases two events with the same sender and
   * order key at the same time. Never leases an event before the earlier events with its sender and order key are done or dead. An
   * event whose lease has expired is due again. Together, the bodies of the leased events have at most `maxBytes` bytes. If the
   * body of the first event alone has more bytes, only this event is leased.
   */
  claim(limit: number, leaseMilliseconds: number, maxBytes?: number): Promise<Lease[]>;
  extend(lease: Lease, leaseMilliseconds: number): Promise<boolean>;
  /** Makes the event done. `complete`, `retry` and `bury` record `status`, the HTTP status of the response, with the attempt. */
  complete(lease: Lease, status?: number): Promise<boolean>;
  retry(lease: Lease, waitMilliseconds: number, reason: string, status?: number): Promise<boolean>;
  /** Makes the event dead. */
  bury(lease: Lease, reason: string, status?: number): Promise<boolean>;
  /** Gives leases back, so that their events are due at once. The attempts do not count, but are recorded if `wasBegun` is true. */
  release(leases: readonly Lease[], options?: { readonly wasBegun: boolean }): Promise<void>;
  /**
   * Returns the milliseconds until an event is due or a lease expires, by the store's clock. Undefined if all events are finished.
   */
  nextDueIn(): Promise<number | undefined>;
}

/** Selects the done events to run again: the events with these ids, or all events that match a filter. */
export interface RerunOptions {
  readonly ids?: readonly string[];
  readonly filter?: EventFilter;
  /** If true, events are only counted, and nothing is changed. */
  readonly isTrial: boolean;
}

export interface Rerun {
  /** The number of events that run again. */
  readonly events: number;
  /** The number of done events that are left out because their bodies are deleted. */
  readonly erased: number;
  /** The number of done events that are left out because an operator dropped them. Zero if `ids` are given. */
  readonly dropped: number;
}

/**
 * The numbers of events that are not done. Counting stops at 100,000 waiting and leased events together, and at 100,000 dead
 * events.
 */
export interface Backlog {
  readonly waiting: number;
  readonly leased: number;
  readonly dead: number;
  /** The time in Unix seconds at which the oldest event that is neither done nor dead was accepted. Undefined if there is none. */
  readonly oldestAcceptedAt: number | undefined;
}

/**
 * The time for which entries are kept. `bodySeconds` is for the bodies of done events, and for refused requests. `eventSeconds` is
 * for done and dead events.
 */
export interface Retention {
  readonly bodySeconds: number;
  readonly eventSeconds: number;
}

/** Matches the name of a route in the policy: a path, or a host and a path. The host has a dot or a port, or is `localhost`. */
export const ROUTE_NAME = /^(?:[^/?*#\s]*[.:][^/?*#\s]*|localhost)?\/(?:[^?*#\s]*|(?:[^?*#\s]*\/)?\*)$/;

export interface EventFilter {
  readonly state?: EventState | undefined;
  readonly sender?: string | undefined;
  /** The times of acceptance in Unix seconds: `since` inclusive, `until` exclusive. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  /** The name of a route in the policy: a path, or a prefix that ends in `/*`, with or without a host. */
  readonly route?: string | undefined;
  /**
   * The event key in its stored form, which is a JSON list of texts. If the list has only one text, this text may be given instead
   * of the list.
   */
  readonly eventKey?: string | undefined;
  /** If true, only events with a conflict match. */
  readonly hasConflict?: boolean | undefined;
  /** The largest number of events in the result. */
  readonly limit: number;
}

/** The range of sequence numbers that is still to be read. The range includes `first` and `last`. */
export interface EventCursor {
  readonly first: number;
  readonly last: number;
}

export interface EventPage {
  readonly events: readonly (StoredEvent & EventWork & { readonly bodyBytes: number })[];
  /** Undefined if there are no more events. */
  readonly next: EventCursor | undefined;
}

/** Selects the newest events for a list. Unlike `events`, the search has a time limit, and its result says where to continue. */
export interface NewestQuery extends EventFilter {
  /**
   * An event id or an event key. If no event has exactly this id or key, the search finds the events whose id or key contains this
   * text. This second search ignores the case of letters.
   */
  readonly text?: string | undefined;
  /** The value of `next` from the previous page. */
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
  /** The value of `before` for the next page. Undefined if there are no older events. */
  readonly next: number | undefined;
  /** The time of the oldest examined event in Unix seconds, if the search ended before the page was full. Otherwise undefined. */
  readonly searchedTo: number | undefined;
}

/** The events that were accepted in one span of time: how many of them are now done, unfinished or dead. */
export interface ActivitySpan {
  /** The start of the span in Unix seconds, inclusive. */
  readonly from: number;
  readonly done: number;
  readonly unfinished: number;
  readonly dead: number;
}

export interface Activity {
  readonly spans: readonly ActivitySpan[];
  /**
   * False if there are very many events. Then the number of done events is estimated from a sample. If many events are unfinished,
   * their number is estimated too. The same holds for dead events.
   */
  readonly isExact: boolean;
}

export interface InboxReader {
  /**
   * Returns the certificates with which senders were accepted, in the order of first use. With `sha256`, returns only the
   * certificates with this digest.
   */
  certificates(sha256?: string): Promise<SeenCertificate[]>;
  /** Returns up to `MAX_WATCHED_CERTIFICATES` certificates of each of these senders, the most recently used first. */
  latestCertificates(senders: readonly string[]): Promise<SeenCertificate[]>;
  /** Returns the event with this id. */
  event(id: string): Promise<(StoredEvent & EventWork) | undefined>;
  /** Returns the attempts of the event with this id. Undefined if there is no such event. */
  attempts(id: string): Promise<EventHistory | undefined>;
  events(filter: EventFilter): Promise<(Omit<StoredEvent, "body"> & EventWork & { readonly bodyBytes: number })[]>;
  /**
   * Returns events with their bodies, the oldest first, in pages of a limited number of bytes. Events that were accepted after the
   * first page was read are not included. `limit` applies to one page.
   */
  page(filter: EventFilter, cursor?: EventCursor): Promise<EventPage>;
  /** Returns the newest events that match, for a list in pages. Takes a limited time for any number of events. */
  newest(query: NewestQuery): Promise<NewestPage>;
  /**
   * Returns the number of events in each of `count` spans of `seconds` seconds. The first span begins at `since` (Unix seconds).
   */
  activity(since: number, seconds: number, count: number): Promise<Activity>;
  /** Returns how long attempts took, and how long it took until events were done, in the spans of `activity`. */
  durations(since: number, seconds: number, count: number): Promise<Durations>;
  /**
   * Returns a text that changes when an event is accepted, an event becomes done or dead, or a request is refused. It also changes
   * when one of the 1,000 earliest due times or the latest due time changes. Reads only indexes: the 1,000 earliest due times, and
   * one entry for each of the other values.
   */
  pulse(): Promise<string>;
  /** Returns the senders that were accepted: the senders with a certificate, and the senders of the latest 10,000 events. */
  senders(): Promise<SeenSender[]>;
  readonly refusals: RefusalReader;
  close(): Promise<void>;
}

/** Holds every accepted event until `prune` deletes it. Call `close` last. */
export interface Inbox extends InboxReader {
  /** Checks for replays and duplicates and stores the event, in one commit. Acceptances at the same time share a commit. */
  readonly accept: AcceptDelivery;
  /**
   * Works like `accept`, but also leases the event to this process at once, for a response that waits for the handler. If an
   * earlier event with the same order key is not finished yet, the event is only stored, without a lease.
   */
  acceptLeased(
    delivery: Delivery,
    assertion: AssertionId,
    leaseMilliseconds: number,
  ): Promise<{ readonly lease: Lease } | Acceptance>;
  readonly work: WorkQueue;
  readonly refusals: RefusalStore;
  /** Makes a dead or waiting event the next to be due. A dead event gets new attempts. Returns false if there is no such event. */
  retryNow(id: string): Promise<boolean>;
  /** Sets the state of a waiting or dead event to `done`. The event is not handled. Returns false if there is no such event. */
  drop(id: string, reason: string): Promise<boolean>;
  /**
   * Makes done events due again, either all selected events or none. They get new attempts, and run in order if they have an order
   * key. Events that are not done are skipped. Rejects if a later event with the same order key is being handled, or was handled
   * and is not selected.
   */
  rerun(options: RerunOptions): Promise<Rerun>;
  /** Deletes a limited number of entries that are older than `retention` allows. Returns the number of changed rows. */
  prune(retention: Retention): Promise<number>;
  /** Returns the number of stored events. */
  count(): Promise<number>;
  /** Returns how many events are not done. */
  backlog(): Promise<Backlog>;
}
