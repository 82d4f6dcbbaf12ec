// The inbox in PostgreSQL, for several origins that share the work. A commit that returned is on the server's disk.

import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { AssertionId } from "../authenticate-options.ts";
import type { Acceptance, FirstSight, Inbox, InboxReader, Lease, Retention } from "../inbox.ts";
import { type Presented, type WrittenCertificate, WrittenCertificates } from "./first-sights.ts";
import { GroupCommit, type Settled } from "./group-commit.ts";
import { type InboxOptions, tellNewCertificate, weigh } from "./inbox-options.ts";
import { writeCertificate } from "./postgres-certificates.ts";
import { type Arrival, insertEvents } from "./postgres-events.ts";
import { type Client, describeError, isOfTheDatabase, openPool, type PostgresPool } from "./postgres-pool.ts";
import { postgresReaderOf } from "./postgres-reader.ts";
import { prunePostgres } from "./postgres-retention.ts";
import { preparePostgres, requirePostgresVersion } from "./postgres-schema.ts";
import { PostgresWork } from "./postgres-work.ts";
import type { Insertion } from "./stored-columns.ts";

/** While one batch waits for the server's disk, the next one is on its way. */
const BATCHES = 2;

type Item = Omit<Arrival, "certificateId"> & { readonly leaseMilliseconds: number | undefined };

interface Stored {
  readonly insertion: Insertion;
  readonly lease?: Lease | undefined;
  /** The certificate's row, when it was written. */
  readonly certificate?: WrittenCertificate | undefined;
}

/** As openInbox. `name` is the location without its password. */
export async function openPostgresInbox(url: string, name: string, options: InboxOptions): Promise<Inbox> {
  return await open(url, name, { isReadOnly: false }, async (pool) => {
    await preparePostgres(pool, name);
    return new PostgresInbox(pool, url, options);
  });
}

/** As openInboxReader. */
export async function openPostgresReader(url: string, name: string): Promise<InboxReader> {
  return await open(url, name, { isReadOnly: true }, async (pool) => {
    await requirePostgresVersion(pool, name);
    return postgresReaderOf(pool);
  });
}

/** The error that comes out names no password, and has no cause that does. */
async function open<T>(
  url: string,
  name: string,
  mode: { readonly isReadOnly: boolean },
  use: (pool: PostgresPool) => Promise<T>,
): Promise<T> {
  let pool: PostgresPool | undefined;
  try {
    pool = openPool(url, mode);
    return await use(pool);
  } catch (error) {
    await pool?.close();
    const reason = describeError(error, url);
    throw new Error(reason.startsWith(name) ? reason : `${name}: ${reason}`);
  }
}

class PostgresInbox implements Inbox {
  readonly certificates: Inbox["certificates"];
  readonly event: Inbox["event"];
  readonly events: Inbox["events"];
  readonly work: PostgresWork;
  readonly retryNow: Inbox["retryNow"];
  readonly drop: Inbox["drop"];
  readonly #pool: PostgresPool;
  readonly #url: string;
  readonly #group = new GroupCommit<Item, Stored>((items) => this.#commit(items), BATCHES);
  readonly #written = new WrittenCertificates();
  readonly #clock: () => number;
  readonly #onNewCertificate: (firstSights: readonly FirstSight[]) => void;

  constructor(pool: PostgresPool, url: string, { clock = Date.now, onNewCertificate = () => {} }: InboxOptions) {
    ({ certificates: this.certificates, event: this.event, events: this.events } = postgresReaderOf(pool));
    this.work = new PostgresWork(pool, clock);
    this.retryNow = (id) => this.work.retryNow(id);
    this.drop = (id, reason) => this.work.drop(id, reason);
    this.#pool = pool;
    this.#url = url;
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
    return prunePostgres(this.#pool, retention, this.#clock());
  }

  async count(): Promise<number> {
    const { rows } = await this.#pool.query("SELECT count(*) AS events FROM event");
    return Number(rows[0]?.["events"]);
  }

  async close(): Promise<void> {
    await this.#group.idle();
    await this.#pool.close();
  }

  async #accept(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number | undefined) {
    const now = Math.floor(this.#clock() / 1000);
    const item = { delivery, assertion, now, leaseMilliseconds };
    const stored = await this.#group.add(item, weigh(delivery)).catch((error: unknown) => {
      if (error instanceof Refusal) throw error;
      throw new Refusal("store_unavailable", { cause: describeError(error, this.#url) });
    });
    const { insertion, lease, certificate: written } = stored;
    if (insertion.outcome === "replayed") throw new Refusal("replayed", { jti: assertion.jti });
    if (insertion.outcome === "duplicate") return { acceptance: insertion };
    const presented = presentedOf(delivery);
    if (written !== undefined && presented !== undefined) {
      this.#written.remember(presented, written.id, now);
      if (written.isNew) tellNewCertificate(this.#onNewCertificate, written.firstSights, delivery);
    }
    const { sequence, ...acceptance } = insertion;
    return { acceptance, lease };
  }

  /** One event at fault must not fail those beside it: they are stored again one by one. */
  async #commit(items: readonly Item[]): Promise<readonly Settled<Stored>[]> {
    try {
      const stored = await this.#pool.transact((client) => this.#store(client, items));
      return stored.map((value) => ({ value }));
    } catch (error) {
      if (items.length === 1 || isOfTheDatabase(error)) return items.map(() => ({ error }));
      const settled: Settled<Stored>[] = [];
      for (const item of items) settled.push(...(await this.#commit([item])));
      return settled;
    }
  }

  async #store(client: Client, items: readonly Item[]): Promise<Stored[]> {
    const arrivals = items.map((item) => {
      const presented = presentedOf(item.delivery);
      return { ...item, certificateId: presented && this.#written.find(presented, item.now) };
    });
    const insertions = await insertEvents(client, arrivals);
    const stored: Stored[] = [];
    for (const [index, insertion] of insertions.entries()) {
      const arrival = arrivals[index];
      stored.push(arrival === undefined ? { insertion } : await this.#finish(client, arrival, insertion));
    }
    return stored;
  }

  /** What comes after the event: its certificate, when that was not written within the hour, and its lease. */
  async #finish(client: Client, arrival: Item & Arrival, insertion: Insertion): Promise<Stored> {
    if (insertion.outcome !== "stored") return { insertion };
    const { delivery, now, certificateId, leaseMilliseconds } = arrival;
    const { sequence } = insertion;
    const presented = presentedOf(delivery);
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

function presentedOf({ sender, certificate }: Delivery): Presented | undefined {
  return certificate && { sender, certificate };
}
