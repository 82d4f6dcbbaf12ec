// The work on events in PostgreSQL, which several origins share. The holder of a lease can change only a row that still has the
// token of the lease.

import type { AttemptRow } from "../attempt-rows.ts";
import type { GroupCommit } from "../group-commit.ts";
import type { Lease, WorkQueue } from "../inbox.ts";
import { CLOCK_TOLERANCE_MILLISECONDS } from "../lease-rules.ts";
import { RECORDED, recording, recordValues } from "./attempts.ts";
import { findDue, leaseAll } from "./claim.ts";
import { type End, groupEnds, writeEnds } from "./ends.ts";
import { lockOrders, type OrderedRow, postponeBlocked, wakeNext } from "./order.ts";
import type { Client, PostgresPool, Queryable } from "./pool.ts";

/**
 * After the server's clock went back, writes may still use the old time for this long. These are the writes of transactions in
 * progress, and of origins that have not read the server's clock since.
 */
const FOLLOWED_MILLISECONDS = 60_000;
/** The interval between two searches for rows that were written with the time before the change. Each reads all unfinished events. */
const FOLLOW_AGAIN_MILLISECONDS = 1_000;

const OWN = "WHERE sequence = $1 AND token = $2";

const RETRY = recording(
  `UPDATE work SET state = 'waiting', due_at = $3, changed_at = $4, reason = $5, ${RECORDED} ${OWN}`,
  6,
);
const BURY = recording(
  `UPDATE work SET state = 'dead', due_at = NULL, changed_at = $3, reason = $4, ${RECORDED} ${OWN}`,
  5,
);
const GIVE_BACK = "UPDATE work SET state = 'waiting', due_at = $3, changed_at = $3, attempts = attempts - 1";
const RELEASE_BEGUN = recording(`${GIVE_BACK}, ${RECORDED} ${OWN}`, 4);
const RELEASE_UNUSED = `${GIVE_BACK}, token = NULL, began_at = NULL ${OWN}`;
/** Makes an event due before all others. */
const RETRY_NOW = recording(
  `UPDATE work SET state = 'waiting', ${RECORDED}, changed_at = $1, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
     due_at = least($1, coalesce((SELECT min(due_at) - 1 FROM work WHERE due_at IS NOT NULL), $1))
   WHERE state IN ('waiting', 'dead') AND sequence = ANY($2)`,
  3,
);
const DROP = recording(
  `UPDATE work SET state = 'done', due_at = NULL, changed_at = $1, reason = $2, ${RECORDED}
   WHERE state IN ('waiting', 'dead') AND sequence = ANY($3)`,
  4,
);

export class PostgresWork implements WorkQueue {
  readonly #pool: PostgresPool;
  readonly #ends: GroupCommit<End, boolean>;
  readonly #clock: () => number;
  #latest = Number.POSITIVE_INFINITY;
  /** The values of `performance.now()` when the clock was last seen to have gone back, and when rows were last corrected. */
  #setBackAt = Number.NEGATIVE_INFINITY;
  #followedAt = Number.NEGATIVE_INFINITY;

  /** `clock` returns Unix milliseconds. */
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
    // This time is kept only after the commit. If the claim fails, its corrections are rolled back, so the next claim must make
    // them again.
    this.#latest = now;
    return leases;
  }

  /**
   * Leases an event within the transaction that stored it. Returns undefined if the event must wait for another event of its order
   * key.
   */
  async leaseStored(client: Client, event: OrderedRow, leaseMilliseconds: number): Promise<Lease | undefined> {
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

  async complete(lease: Lease, status?: number): Promise<boolean> {
    const end: End = { lease, status, now: this.#clock() };
    if (lease.event.orderKey === undefined) return await this.#ends.add(end);
    return await this.#end(lease, end.now, async (client) => (await writeEnds(client, [end]))[0] ?? false);
  }

  bury(lease: Lease, reason: string, status?: number): Promise<boolean> {
    const now = this.#clock();
    const record = recordOf(lease, { outcome: "dead", endedAt: now, reason, status });
    return this.#end(lease, now, (client) => updateOwn(client, BURY, lease, now, reason, ...record));
  }

  retry(lease: Lease, waitMilliseconds: number, reason: string, status?: number): Promise<boolean> {
    const now = this.#clock();
    const dueAt = Math.floor(now + waitMilliseconds);
    const record = recordOf(lease, { outcome: "retry", endedAt: now, reason, status, dueAt });
    return this.#end(lease, now, (client) => updateOwn(client, RETRY, lease, dueAt, now, reason, ...record));
  }

  async release(leases: readonly Lease[], { wasBegun } = { wasBegun: false }): Promise<void> {
    const now = this.#clock();
    const write = (lease: Lease) => (client: Queryable) =>
      wasBegun
        ? updateOwn(client, RELEASE_BEGUN, lease, now, ...recordOf(lease, { outcome: "released", endedAt: now }))
        : updateOwn(client, RELEASE_UNUSED, lease, now);
    await Promise.all(leases.map((lease) => this.#end(lease, now, write(lease))));
  }

  async nextDueIn(): Promise<number | undefined> {
    const { rows } = await this.#pool.query("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL");
    const dueAt = rows[0]?.["due_at"];
    return dueAt === null || dueAt === undefined ? undefined : Number(dueAt) - this.#clock();
  }

  retryNow(id: string): Promise<boolean> {
    return this.#pool.transact(async (client) => {
      const found = await lockEvents(client, id);
      const now = this.#clock();
      const record = recordValues({ outcome: "operator retry", endedAt: now });
      const { rowCount } = await client.query(RETRY_NOW, [now, found.map(({ sequence }) => sequence), ...record]);
      return (rowCount ?? 0) > 0;
    });
  }

  drop(id: string, reason: string): Promise<boolean> {
    return this.#pool.transact(async (client) => {
      const now = this.#clock();
      const found = await lockEvents(client, id);
      const record = recordValues({ outcome: "operator drop", endedAt: now, reason });
      const { rows } = await client.query(DROP, [now, reason, found.map(({ sequence }) => sequence), ...record]);
      for (const row of rows) await wakeNext(client, row, now);
      return rows.length > 0;
    });
  }

  /** Resolves when nothing waits to be written. */
  idle(): Promise<void> {
    return this.#ends.idle();
  }

  /**
   * Runs a change that ends an event or an attempt, and wakes the next event of the order key. Returns false if no row was changed.
   */
  async #end(lease: Lease, now: number, write: (client: Queryable) => Promise<boolean>): Promise<boolean> {
    const { sequence, sender, orderKey } = lease.event;
    if (orderKey === undefined) return await write(this.#pool);
    const candidate = { sequence: String(sequence), sender, order_key: orderKey };
    return await this.#pool.transact(async (client) => {
      // The lock of the order key is held until the commit. Without the lock, a later event could be postponed between the change
      // and the look-up of the next event, and nothing would wake that later event.
      await lockOrders(client, [candidate]);
      const isOurs = await write(client);
      if (isOurs) await wakeNext(client, candidate, now);
      return isOurs;
    });
  }

  /**
   * Corrects due times after the clock went back. Otherwise events whose due times were computed before the step back would wait
   * too long. The due times are corrected at the first claim, and after each step back.
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

function recordOf({ attempt, beganAt }: Lease, end: Omit<AttemptRow, "number" | "beganAt">): readonly unknown[] {
  return recordValues({ number: attempt, beganAt, ...end });
}

/**
 * Returns the events with this id. Until the transaction ends, no other transaction can lease, finish or postpone an event of their
 * order keys.
 */
async function lockEvents(client: Client, id: string): Promise<readonly OrderedRow[]> {
  const { rows } = await client.query(
    "SELECT sequence, sender, order_key FROM work WHERE sequence IN (SELECT sequence FROM event WHERE id = $1)",
    [id],
  );
  await lockOrders(client, rows);
  return rows;
}

/** Changes the row with the lease's token. Returns false if the lease was lost. */
async function updateOwn(
  client: Queryable,
  text: string,
  { event, token }: Lease,
  ...values: readonly unknown[]
): Promise<boolean> {
  const { rowCount } = await client.query(text, [event.sequence, token, ...values]);
  return (rowCount ?? 0) > 0;
}
