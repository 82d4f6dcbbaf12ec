// The work on events in PostgreSQL, shared by several origins. Every change applies only to the row that the lease's token names.

import type { Lease, WorkQueue } from "../inbox.ts";
import type { GroupCommit } from "./group-commit.ts";
import { findDue, leaseAll } from "./postgres-claim.ts";
import { type End, groupEnds, writeEnds } from "./postgres-ends.ts";
import { type Candidate, lockOrders, postponeBlocked, wakeNext } from "./postgres-order.ts";
import type { Client, PostgresPool, Queryable } from "./postgres-pool.ts";
import { CLOCK_TOLERANCE_MILLISECONDS } from "./work-rules.ts";

/**
 * For this long after the clock went back, other writes may still use the old time: transactions in progress, and origins that
 * have not read the server's clock since.
 */
const FOLLOWED_MILLISECONDS = 60_000;
/** The interval between two checks for such rows. Each check reads all unfinished events. */
const FOLLOW_AGAIN_MILLISECONDS = 1_000;

const OWN = "WHERE sequence = $1 AND token = $2";

export class PostgresWork implements WorkQueue {
  readonly #pool: PostgresPool;
  readonly #ends: GroupCommit<End, boolean>;
  readonly #clock: () => number;
  #latest = Number.POSITIVE_INFINITY;
  /** Milliseconds of `performance.now()`. */
  #setBackAt = Number.NEGATIVE_INFINITY;
  #followedAt = Number.NEGATIVE_INFINITY;

  /** `clock` in Unix milliseconds. */
  constructor(pool: PostgresPool, clock: () => number) {
    this.#pool = pool;
    this.#ends = groupEnds(pool);
    this.#clock = clock;
  }

  async claim(limit: number, leaseMilliseconds: number, maxBytes = Number.POSITIVE_INFINITY): Promise<Lease[]> {
    const now = this.#clock();
    const leases = await this.#pool.transact(async (client) => {
      await this.#followClock(client, now);
      return await leaseAll(client, await findDue(client, now, { limit, maxBytes }), now, leaseMilliseconds);
    });
    // Set after the commit: if a claim fails, its corrections are rolled back.
    this.#latest = now;
    return leases;
  }

  /** Called within the transaction that stored the event. Undefined if an earlier event of its order key comes first. */
  async leaseStored(client: Client, event: Candidate, leaseMilliseconds: number): Promise<Lease | undefined> {
    const now = this.#clock();
    const blocked = event.order_key === null ? [] : await postponeBlocked(client, [event.sequence], now, now);
    if (blocked.length > 0) return undefined;
    const [lease] = await leaseAll(client, [event.sequence], now, leaseMilliseconds);
    return lease;
  }

  extend(lease: Lease, leaseMilliseconds: number): Promise<boolean> {
    const now = this.#clock();
    const text = `UPDATE work SET due_at = $3, changed_at = $4 ${OWN}`;
    return updateOwn(this.#pool, text, lease, now + leaseMilliseconds, now);
  }

  complete(lease: Lease): Promise<boolean> {
    return this.#finish(lease, "done", null);
  }

  bury(lease: Lease, reason: string): Promise<boolean> {
    return this.#finish(lease, "dead", reason);
  }

  retry(lease: Lease, waitMilliseconds: number, reason: string): Promise<boolean> {
    const now = this.#clock();
    const text = `UPDATE work SET state = 'waiting', due_at = $3, changed_at = $4, reason = $5, token = NULL ${OWN}`;
    const dueAt = Math.floor(now + waitMilliseconds);
    return this.#end(lease, now, (client) => updateOwn(client, text, lease, dueAt, now, reason));
  }

  async release(leases: readonly Lease[]): Promise<void> {
    const now = this.#clock();
    const text = `UPDATE work SET state = 'waiting', due_at = $3, changed_at = $3, attempts = attempts - 1, token = NULL ${OWN}`;
    await Promise.all(leases.map((lease) => this.#end(lease, now, (client) => updateOwn(client, text, lease, now))));
  }

  async nextDueIn(): Promise<number | undefined> {
    const { rows } = await this.#pool.query("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL");
    const dueAt = rows[0]?.["due_at"];
    return dueAt === null || dueAt === undefined ? undefined : Number(dueAt) - this.#clock();
  }

  /** Due before everything else. */
  retryNow(id: string): Promise<boolean> {
    return this.#pool.transact(async (client) => {
      const rows = await lockEvents(client, id);
      const { rowCount } = await client.query(
        `UPDATE work SET state = 'waiting', token = NULL, changed_at = $1, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
           due_at = least($1, coalesce((SELECT min(due_at) - 1 FROM work WHERE due_at IS NOT NULL), $1))
         WHERE state IN ('waiting', 'dead') AND sequence = ANY($2)`,
        [this.#clock(), rows.map(({ sequence }) => sequence)],
      );
      return (rowCount ?? 0) > 0;
    });
  }

  drop(id: string, reason: string): Promise<boolean> {
    return this.#pool.transact(async (client) => {
      const now = this.#clock();
      const found = await lockEvents(client, id);
      const { rows } = await client.query(
        `UPDATE work SET state = 'done', due_at = NULL, changed_at = $1, reason = $2, token = NULL
         WHERE state IN ('waiting', 'dead') AND sequence = ANY($3) RETURNING sequence, sender, order_key`,
        [now, reason, found.map(({ sequence }) => sequence)],
      );
      for (const row of rows) await wakeNext(client, row, now);
      return rows.length > 0;
    });
  }

  /** Resolves when nothing waits to be written. */
  idle(): Promise<void> {
    return this.#ends.idle();
  }

  async #finish(lease: Lease, state: "done" | "dead", reason: string | null): Promise<boolean> {
    const end: End = { lease, state, reason, now: this.#clock() };
    if (lease.event.orderKey === undefined) return await this.#ends.add(end);
    return await this.#end(lease, end.now, async (client) => (await writeEnds(client, [end]))[0] ?? false);
  }

  /** Makes a change after which another event of the order key may be next. False if no row was changed. */
  async #end(lease: Lease, now: number, write: (client: Queryable) => Promise<boolean>): Promise<boolean> {
    const { sequence, sender, orderKey } = lease.event;
    if (orderKey === undefined) return await write(this.#pool);
    const candidate = { sequence: String(sequence), sender, order_key: orderKey };
    return await this.#pool.transact(async (client) => {
      // The lock is held until the commit: if a later event of the order key were postponed meanwhile, nothing would wake it.
      await lockOrders(client, [candidate]);
      const isOurs = await write(client);
      if (isOurs) await wakeNext(client, candidate, now);
      return isOurs;
    });
  }

  /**
   * After the clock went back, an event that was postponed by the old time would wait too long. Corrects such due times at the
   * first claim, and after each step of the clock.
   */
  async #followClock(client: Client, now: number): Promise<void> {
    const passed = performance.now();
    const isSetBack = now < this.#latest - CLOCK_TOLERANCE_MILLISECONDS;
    if (isSetBack && this.#latest !== Number.POSITIVE_INFINITY) this.#setBackAt = passed;
    const isToFollow =
      passed < this.#setBackAt + FOLLOWED_MILLISECONDS && passed > this.#followedAt + FOLLOW_AGAIN_MILLISECONDS;
    if (!isSetBack && !isToFollow) return;
    await client.query(
      `UPDATE work SET due_at = due_at - changed_at + $1, changed_at = $1
       WHERE due_at IS NOT NULL AND changed_at > $2`,
      [now, now + CLOCK_TOLERANCE_MILLISECONDS],
    );
    this.#followedAt = passed;
  }
}

/** The events with this id. Until the transaction ends, no later event of their order keys can be leased or postponed. */
async function lockEvents(client: Client, id: string): Promise<readonly Candidate[]> {
  const { rows } = await client.query(
    "SELECT sequence, sender, order_key FROM work WHERE sequence IN (SELECT sequence FROM event WHERE id = $1)",
    [id],
  );
  await lockOrders(client, rows);
  return rows;
}

/** Changes the row that the lease's token names. False if the lease is lost. */
async function updateOwn(
  client: Queryable,
  text: string,
  { event, token }: Lease,
  ...values: readonly unknown[]
): Promise<boolean> {
  const { rowCount } = await client.query(text, [event.sequence, token, ...values]);
  return (rowCount ?? 0) > 0;
}
