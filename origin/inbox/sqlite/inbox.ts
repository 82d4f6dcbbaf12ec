// The inbox in one SQLite file. With WAL and synchronous FULL, a commit that has returned survives a power loss. Deleted content
// is overwritten.

import { DatabaseSync } from "node:sqlite";
import type { Delivery } from "../../../core/delivery/delivery.ts";
import type { Acceptance, AssertionId } from "../../accept.ts";
import { SELECT_BACKLOG, toBacklog } from "../backlog.ts";
import type { Inbox, Retention } from "../inbox.ts";
import { type Accepted, type Arrival, Intake, leaseOr, refuseWrite, type Stored } from "../intake.ts";
import { requireLocalDisk } from "../network-file-system.ts";
import { byteSizeOf, type InboxOptions } from "../options.ts";
import { namingPlace } from "../place.ts";
import { SqliteCertificates } from "./certificates.ts";
import { SqliteEvents } from "./events.ts";
import { describeFileError, makeFile, makePrivate } from "./file.ts";
import { askSqlite, promising, readerOf } from "./reader.ts";
import { sqliteRefusals } from "./refusals.ts";
import { rerunSqlite } from "./rerun.ts";
import { SqliteRetention } from "./retention.ts";
import { BUSY_MILLISECONDS, emptyLog, prepareSchema } from "./schema.ts";
import { SqliteWork } from "./work.ts";
import { SqliteWriter } from "./writer.ts";

/**
 * Opens or creates the inbox file. A file of an older version is upgraded.
 * @throws Error if the file is not an inbox, is of a version that this program does not know, or cannot be opened
 */
export function openSqliteInbox(file: string, options: InboxOptions = {}): Inbox {
  let database: DatabaseSync | undefined;
  try {
    const place = requireLocalDisk(file, options);
    makeFile(file);
    database = new DatabaseSync(file, { timeout: BUSY_MILLISECONDS });
    prepareSchema(database, file);
    const notice = makePrivate(file);
    for (const told of [place, notice]) if (told !== undefined) options.onNotice?.(told);
    return namingPlace(new SqliteInbox(database, file, options), (error) => describeFileError(file, error));
  } catch (error) {
    database?.close();
    throw new Error(describeFileError(file, error), { cause: error });
  }
}

class SqliteInbox implements Inbox {
  readonly certificates: Inbox["certificates"];
  readonly latestCertificates: Inbox["latestCertificates"];
  readonly event: Inbox["event"];
  readonly attempts: Inbox["attempts"];
  readonly senders: Inbox["senders"];
  readonly refusals: Inbox["refusals"];
  readonly events: Inbox["events"];
  readonly page: Inbox["page"];
  readonly newest: Inbox["newest"];
  readonly activity: Inbox["activity"];
  readonly durations: Inbox["durations"];
  readonly pulse: Inbox["pulse"];
  readonly work: SqliteWork;
  readonly count: Inbox["count"];
  readonly backlog: Inbox["backlog"];
  readonly retryNow: Inbox["retryNow"];
  readonly drop: Inbox["drop"];
  readonly rerun: Inbox["rerun"];
  readonly #close: Inbox["close"];
  readonly #writer: SqliteWriter;
  readonly #intake: Intake;
  readonly #events: SqliteEvents;
  readonly #certificates: SqliteCertificates;
  readonly #retention: SqliteRetention;
  readonly #clock: () => number;
  readonly #database: DatabaseSync;
  readonly #file: string;
  #isErasedInLog = false;

  constructor(database: DatabaseSync, file: string, options: InboxOptions) {
    const { clock = Date.now, monotonic = options.clock ?? (() => performance.now()) } = options;
    const reader = readerOf(database);
    ({ certificates: this.certificates, latestCertificates: this.latestCertificates, close: this.#close } = reader);
    ({ event: this.event, events: this.events, page: this.page } = reader);
    ({ newest: this.newest, activity: this.activity, durations: this.durations, pulse: this.pulse } = reader);
    ({ attempts: this.attempts, senders: this.senders } = reader);
    this.#database = database;
    this.#file = file;
    this.#writer = new SqliteWriter(database);
    this.refusals = sqliteRefusals(database, this.#writer, askSqlite(database));
    this.#intake = new Intake(options);
    this.work = new SqliteWork(database, this.#writer, { clock, monotonic });
    this.retryNow = (id) => this.work.retryNow(id);
    this.drop = (id, reason) => this.work.drop(id, reason);
    this.rerun = (options) => rerunSqlite(database, this.#writer, clock, options);
    const count = database.prepare("SELECT count(*) AS events FROM event");
    this.count = promising(() => Number(count.get()?.["events"]));
    const backlog = database.prepare(SELECT_BACKLOG);
    this.backlog = promising(() => toBacklog(backlog.all()));
    this.#events = new SqliteEvents(database);
    this.#certificates = new SqliteCertificates(database);
    this.#retention = new SqliteRetention(database);
    this.#clock = clock;
  }

  async accept(delivery: Delivery, assertion: AssertionId): Promise<Acceptance> {
    return (await this.#accept(delivery, assertion)).acceptance;
  }

  async acceptLeased(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number) {
    return leaseOr(await this.#accept(delivery, assertion, leaseMilliseconds));
  }

  async prune(retention: Retention): Promise<number> {
    const changed = await this.#writer.write(() => this.#retention.prune(retention, this.#clock()));
    if (changed > 0) this.#isErasedInLog = false;
    // When nothing is left to delete, SQLite's log is emptied, because it still holds the deleted content. With few events, later
    // writes would not overwrite this content as soon as the retention rule requires.
    else if (!this.#isErasedInLog) this.#isErasedInLog = emptyLog(this.#database);
    return changed;
  }

  async close(): Promise<void> {
    await this.#writer.idle();
    await this.#close();
  }

  async #accept(delivery: Delivery, assertion: AssertionId, leaseMilliseconds?: number): Promise<Accepted> {
    const arrival = this.#intake.arrive(delivery, assertion, leaseMilliseconds);
    const stored = await this.#writer
      .write(() => this.#store(arrival), byteSizeOf(delivery))
      .catch((error: unknown) => refuseWrite(error, (error) => describeFileError(this.#file, error)));
    return this.#intake.conclude(arrival, stored);
  }

  /** Stores one event. The certificate of nearly every event is already written, so usually only the event is inserted. */
  #store(arrival: Arrival): Stored {
    const { delivery, assertion, presented, leaseMilliseconds } = arrival;
    // The clock is read inside the transaction, because somebody may set the clock back while the event waits. A claim then
    // corrects the due times of all stored events. If this event got a time from before that correction, it would wait too long.
    const now = Math.floor(this.#clock() / 1000);
    const known = this.#intake.findWritten(arrival);
    const insertion = this.#events.insert(delivery, assertion, now, known ?? null);
    if (insertion.outcome !== "stored") return { insertion };
    // The certificate is written after the insert, because a replay or a duplicate proves nothing about what its sender presents.
    const written = presented && known === undefined ? this.#certificates.write(presented, now) : undefined;
    if (written !== undefined) this.#events.setCertificate(insertion.sequence, written.id);
    const lease =
      leaseMilliseconds === undefined ? undefined : this.work.leaseStored(insertion.sequence, leaseMilliseconds);
    return { insertion, lease, certificate: written };
  }
}
