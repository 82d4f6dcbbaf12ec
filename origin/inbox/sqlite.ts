// The inbox in one SQLite file. WAL with synchronous FULL: a commit that returned survives power loss. What is erased is
// overwritten.

import { DatabaseSync } from "node:sqlite";
import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AssertionId } from "../authenticate-options.ts";
import type { Acceptance, FirstSight, Inbox, Lease, Retention } from "../inbox.ts";
import { type Presented, type WrittenCertificate, WrittenCertificates } from "./first-sights.ts";
import { type InboxOptions, tellNewCertificate, toUnavailable, weigh } from "./inbox-options.ts";
import { SqliteCertificates } from "./sqlite-certificates.ts";
import { SqliteEvents } from "./sqlite-events.ts";
import { promising, readerOf } from "./sqlite-reader.ts";
import { SqliteRetention } from "./sqlite-retention.ts";
import { prepareSchema } from "./sqlite-schema.ts";
import { SqliteWork } from "./sqlite-work.ts";
import { SqliteWriter } from "./sqlite-writer.ts";
import type { Insertion } from "./stored-columns.ts";

/** What a transaction did for one event; the rest is done when it is committed. */
interface Stored {
  readonly insertion: Insertion;
  readonly lease?: Lease | undefined;
  /** The certificate's row, when it was written. */
  readonly certificate?: WrittenCertificate | undefined;
}

/**
 * Opens or creates the inbox file; one of an older version is brought up to this one.
 * @throws Error when the file is no inbox, is a newer one, or cannot be opened
 */
export function openSqliteInbox(file: string, options: InboxOptions = {}): Inbox {
  const database = new DatabaseSync(file, { timeout: 5_000 });
  try {
    prepareSchema(database, file);
    return new SqliteInbox(database, options);
  } catch (error) {
    database.close();
    throw error;
  }
}

class SqliteInbox implements Inbox {
  readonly certificates: Inbox["certificates"];
  readonly event: Inbox["event"];
  readonly events: Inbox["events"];
  readonly work: SqliteWork;
  readonly count: Inbox["count"];
  readonly retryNow: Inbox["retryNow"];
  readonly drop: Inbox["drop"];
  readonly #close: Inbox["close"];
  readonly #writer: SqliteWriter;
  readonly #events: SqliteEvents;
  readonly #certificates: SqliteCertificates;
  readonly #written = new WrittenCertificates();
  readonly #retention: SqliteRetention;
  readonly #clock: () => number;
  readonly #onNewCertificate: (firstSights: readonly FirstSight[]) => void;

  constructor(database: DatabaseSync, { clock = Date.now, onNewCertificate = () => {} }: InboxOptions) {
    const reader = readerOf(database);
    ({ certificates: this.certificates, event: this.event, events: this.events, close: this.#close } = reader);
    this.#writer = new SqliteWriter(database);
    this.work = new SqliteWork(database, this.#writer, clock);
    this.retryNow = (id) => this.work.retryNow(id);
    this.drop = (id, reason) => this.work.drop(id, reason);
    const count = database.prepare("SELECT count(*) AS events FROM event");
    this.count = promising(() => Number(count.get()?.["events"]));
    this.#events = new SqliteEvents(database);
    this.#certificates = new SqliteCertificates(database);
    this.#retention = new SqliteRetention(database);
    this.#clock = clock;
    this.#onNewCertificate = onNewCertificate;
  }

  /** Passed on as a function. */
  readonly accept = async (delivery: Delivery, assertion: AssertionId): Promise<Acceptance> => {
    const { acceptance } = await this.#accept(delivery, assertion, undefined);
    return acceptance;
  };

  async acceptLeased(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number) {
    const { acceptance, lease } = await this.#accept(delivery, assertion, leaseMilliseconds);
    return lease === undefined ? acceptance : { lease };
  }

  prune(retention: Retention): Promise<number> {
    return this.#writer.write(() => this.#retention.prune(retention, this.#clock()));
  }

  async close(): Promise<void> {
    await this.#writer.idle();
    await this.#close();
  }

  async #accept(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number | undefined) {
    const now = Math.floor(this.#clock() / 1000);
    const store = () => this.#store(delivery, assertion, now, leaseMilliseconds);
    const stored = await this.#writer.write(store, weigh(delivery)).catch(toUnavailable);
    const { insertion, lease, certificate: written } = stored;
    if (insertion.outcome === "replayed") throw new Refusal("replayed", { jti: assertion.jti });
    if (insertion.outcome === "duplicate") return { acceptance: insertion };
    const { sender, certificate, id } = delivery;
    if (written !== undefined && certificate !== undefined) {
      this.#written.remember({ sender, certificate }, written.id, now);
      if (written.isNew) tellNewCertificate(this.#onNewCertificate, written.firstSights, { sender, id });
    }
    const { sequence, ...acceptance } = insertion;
    return { acceptance, lease };
  }

  /** Of nearly every event the certificate is written already: then the event is all that is. */
  #store(delivery: Delivery, assertion: AssertionId, now: number, leaseMilliseconds: number | undefined): Stored {
    const { sender, certificate } = delivery;
    const presented: Presented | undefined = certificate && { sender, certificate };
    const known = presented && this.#written.find(presented, now);
    const insertion = this.#events.insert(delivery, assertion, now, known ?? null);
    if (insertion.outcome !== "stored") return { insertion };
    // A replay or a duplicate shows nothing of its sender: only now is what it presented written.
    const written = presented && known === undefined ? this.#certificates.write(presented, now) : undefined;
    if (written !== undefined) this.#events.setCertificate(insertion.sequence, written.id);
    const lease =
      leaseMilliseconds === undefined ? undefined : this.work.leaseStored(insertion.sequence, leaseMilliseconds);
    return { insertion, lease, certificate: written };
  }
}
