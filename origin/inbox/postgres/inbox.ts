// The inbox in PostgreSQL. Several origins may share its work. When a commit returns, its data is on the server's disk.

import type { Delivery } from "../../../core/delivery/delivery.ts";
import type { Acceptance, AssertionId } from "../../accept.ts";
import { SELECT_BACKLOG, toBacklog } from "../backlog.ts";
import { GroupCommit } from "../group-commit.ts";
import type { Backlog, Inbox, InboxReader, Retention } from "../inbox.ts";
import { type Accepted, type Arrival, Intake, leaseOr, refuseWrite, type Stored } from "../intake.ts";
import { byteSizeOf, type InboxOptions } from "../options.ts";
import { namingPlace } from "../place.ts";
import { writeCertificate } from "./certificates.ts";
import { PostgresClock } from "./clock.ts";
import { insertEvents } from "./events.ts";
import type { CertifiedArrival } from "./insert.ts";
import { withPool } from "./opening.ts";
import { type Client, describeError, isOfTheDatabase, openPool, type PostgresPool } from "./pool.ts";
import { askPostgres, postgresReaderOf } from "./reader.ts";
import { postgresRefusals } from "./refusals.ts";
import { rerunPostgres } from "./rerun.ts";
import { prunePostgres } from "./retention.ts";
import { preparePostgres, requirePostgresVersion } from "./schema.ts";
import { PostgresWork } from "./work.ts";

/** The number of batches that are sent at the same time. While one batch waits for the server's disk, the next can be sent. */
const BATCHES = 2;
/** The number of connections on which events are leased and finished. */
const WORKERS = 6;
const POOLED =
  "a connection pooler answers: at the database's direct address there is a hop less, and statements are prepared only once";

/** Opens an inbox as `openInbox` describes. `name` is the location without its password. */
export async function openPostgresInbox(url: string, name: string, options: InboxOptions): Promise<Inbox> {
  return await withPool(url, { isReadOnly: false }, async (pool, { address, isPooled }) => {
    await preparePostgres(pool, name);
    const clock = options.clock ?? (await PostgresClock.open(pool)).now;
    if (address.notice !== undefined) options.onNotice?.(`${name}: ${address.notice}`);
    if (isPooled) options.onNotice?.(`${name}: ${POOLED}`);
    const openByIndex = (connections: number) => openPool(address, { isPooled, isByIndex: true, connections });
    const pools = { acceptances: openByIndex(BATCHES), work: openByIndex(WORKERS), others: pool };
    return namingPlace<Inbox>(new PostgresInbox(pools, url, { ...options, clock }), (error) =>
      describeError(error, url),
    );
  });
}

/** Opens an inbox for reading, as `openInboxReader` describes. */
export async function openPostgresReader(url: string, name: string): Promise<InboxReader> {
  return await withPool(url, { isReadOnly: true }, async (pool) => {
    await requirePostgresVersion(pool, name);
    return namingPlace(postgresReaderOf(pool), (error) => describeError(error, url));
  });
}

/** Acceptances have connections of their own, so that they do not wait for attempts. */
interface Pools {
  readonly acceptances: PostgresPool;
  readonly work: PostgresPool;
  /** For readers, retention, refusals and reruns. Their best plan depends on how full the tables are. */
  readonly others: PostgresPool;
}

class PostgresInbox implements Inbox {
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
  readonly work: PostgresWork;
  readonly retryNow: Inbox["retryNow"];
  readonly drop: Inbox["drop"];
  readonly rerun: Inbox["rerun"];
  readonly #pools: Pools;
  readonly #group = new GroupCommit<Arrival, Stored>({
    commit: (arrivals) => this.#pools.acceptances.transact((client) => this.#store(client, arrivals)),
    isOfTheDatabase,
    parallel: BATCHES,
  });
  readonly #intake: Intake;
  readonly #clock: () => number;
  readonly #url: string;

  constructor(pools: Pools, url: string, options: InboxOptions & Required<Pick<InboxOptions, "clock">>) {
    const { clock } = options;
    const { work, others } = pools;
    const reader = postgresReaderOf(others);
    ({ certificates: this.certificates, latestCertificates: this.latestCertificates } = reader);
    ({ event: this.event, events: this.events, page: this.page } = reader);
    ({ newest: this.newest, activity: this.activity, durations: this.durations, pulse: this.pulse } = reader);
    ({ attempts: this.attempts, senders: this.senders } = reader);
    this.refusals = postgresRefusals(others, askPostgres(others));
    this.#intake = new Intake(options);
    this.work = new PostgresWork(work, clock);
    this.retryNow = (id) => this.work.retryNow(id);
    this.drop = (id, reason) => this.work.drop(id, reason);
    this.rerun = (options) => rerunPostgres(others, clock, options);
    this.#pools = pools;
    this.#clock = clock;
    this.#url = url;
  }

  async accept(delivery: Delivery, assertion: AssertionId): Promise<Acceptance> {
    return (await this.#accept(delivery, assertion)).acceptance;
  }

  async acceptLeased(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number) {
    return leaseOr(await this.#accept(delivery, assertion, leaseMilliseconds));
  }

  prune(retention: Retention): Promise<number> {
    return prunePostgres(this.#pools.others, retention, this.#clock());
  }

  async count(): Promise<number> {
    const { rows } = await this.#pools.others.query("SELECT count(*) AS events FROM event");
    return Number(rows[0]?.["events"]);
  }

  async backlog(): Promise<Backlog> {
    const { rows } = await this.#pools.others.query(SELECT_BACKLOG);
    return toBacklog(rows);
  }

  async close(): Promise<void> {
    await Promise.all([this.#group.idle(), this.work.idle()]);
    await Promise.all(Object.values(this.#pools).map((pool) => pool.close()));
  }

  async #accept(delivery: Delivery, assertion: AssertionId, leaseMilliseconds?: number): Promise<Accepted> {
    const arrival = this.#intake.arrive(delivery, assertion, leaseMilliseconds);
    const stored = await this.#group
      .add(arrival, byteSizeOf(delivery))
      .catch((error: unknown) => refuseWrite(error, (error) => describeError(error, this.#url)));
    return this.#intake.conclude(arrival, stored);
  }

  async #store(client: Client, arrivals: readonly Arrival[]): Promise<Stored[]> {
    const certified = arrivals.map((one) => ({ ...one, certificateId: this.#intake.findWritten(one) }));
    const insertions = await insertEvents(client, certified);
    const stored: Stored[] = [];
    for (const [index, insertion] of insertions.entries()) {
      const arrival = certified[index];
      stored.push(arrival === undefined ? { insertion } : await this.#finish(client, arrival, insertion));
    }
    return stored;
  }

  /**
   * Writes what belongs to a stored event: its lease, and its certificate unless the certificate was written within the last hour.
   */
  async #finish(client: Client, arrival: CertifiedArrival, insertion: Stored["insertion"]): Promise<Stored> {
    if (insertion.outcome !== "stored") return { insertion };
    const { delivery, now, presented, certificateId, leaseMilliseconds } = arrival;
    const { sequence } = insertion;
    const written =
      presented && certificateId === undefined ? await writeCertificate(client, presented, now) : undefined;
    if (written !== undefined)
      await client.query("UPDATE event SET certificate_id = $1 WHERE sequence = $2", [written.id, sequence]);
    const work = { sequence: String(sequence), sender: delivery.sender, order_key: delivery.orderKey ?? null };
    const lease =
      leaseMilliseconds === undefined ? undefined : await this.work.leaseStored(client, work, leaseMilliseconds);
    return { insertion, lease, certificate: written };
  }
}
