// The work on events in PostgreSQL, for several origins at once. Every change is of the row that a lease's token names.

import type { Lease, WorkQueue } from "../inbox.ts";
import { type Candidate, lockOrders, postponeBlocked, wakeNext } from "./postgres-order.ts";
import type { Client, PostgresPool } from "./postgres-pool.ts";
import { toPostgresEvent } from "./postgres-reader.ts";
import { EVENT_COLUMNS, EVENT_TABLES } from "./rows.ts";
import { CLOCK_TOLERANCE_MILLISECONDS, MAX_LOOKED_AT } from "./work-rules.ts";

const OWN = "WHERE sequence = $1 AND token = $2";

export class PostgresWork implements WorkQueue {
  readonly #pool: PostgresPool;
  readonly #clock: () => number;
  #latest = Number.POSITIVE_INFINITY;

  /** `clock` in Unix milliseconds. */
  constructor(pool: PostgresPool, clock: () => number) {
    this.#pool = pool;
    this.#clock = clock;
  }

  claim(limit: number, leaseMilliseconds: number): Promise<Lease[]> {
    return this.#pool.transact(async (client) => {
      const now = this.#clock();
      await this.#followClock(client, now);
      const claimed: string[] = [];
      const passed: string[] = [];
      let lookedAt = 0;
      for (;;) {
        const wanted = limit - claimed.length;
        const candidates = await selectDue(client, now, wanted, [...claimed, ...passed]);
        lookedAt += candidates.length;
        const free = await this.#separate(client, candidates, now, passed);
        claimed.push(...free);
        if (claimed.length >= limit || candidates.length < wanted || lookedAt >= MAX_LOOKED_AT) break;
      }
      return leaseAll(client, claimed, now, leaseMilliseconds);
    });
  }

  /** Within the transaction that stored the event. Undefined when an earlier one of its order key comes first. */
  async leaseStored(client: Client, event: Candidate, leaseMilliseconds: number): Promise<Lease | undefined> {
    const now = this.#clock();
    const blocked = event.order_key === null ? [] : await postponeBlocked(client, [event.sequence], now, now);
    if (blocked.length > 0) return undefined;
    const [lease] = await leaseAll(client, [event.sequence], now, leaseMilliseconds);
    return lease;
  }

  extend(lease: Lease, leaseMilliseconds: number): Promise<boolean> {
    const now = this.#clock();
    return this.#change(`UPDATE work SET due_at = $3, changed_at = $4 ${OWN}`, lease, now + leaseMilliseconds, now);
  }

  complete(lease: Lease): Promise<boolean> {
    return this.#finish(lease, "done", null);
  }

  bury(lease: Lease, reason: string): Promise<boolean> {
    return this.#finish(lease, "dead", reason);
  }

  retry(lease: Lease, dueAt: number, reason: string): Promise<boolean> {
    const text = `UPDATE work SET state = 'waiting', due_at = $3, changed_at = $4, reason = $5, token = NULL ${OWN}`;
    return this.#change(text, lease, Math.floor(dueAt), this.#clock(), reason);
  }

  async release(leases: readonly Lease[]): Promise<void> {
    await this.#pool.query(
      `UPDATE work SET state = 'waiting', due_at = $3, changed_at = $3, attempts = attempts - 1, token = NULL
       FROM unnest($1::bigint[], $2::text[]) AS given (sequence, token)
       WHERE work.sequence = given.sequence AND work.token = given.token`,
      [leases.map(({ event }) => event.sequence), leases.map(({ token }) => token), this.#clock()],
    );
  }

  async nextDueAt(): Promise<number | undefined> {
    const { rows } = await this.#pool.query("SELECT min(due_at) AS due_at FROM work WHERE due_at IS NOT NULL");
    const dueAt = rows[0]?.["due_at"];
    return dueAt === null || dueAt === undefined ? undefined : Number(dueAt);
  }

  /** Before whatever is due. */
  retryNow(id: string): Promise<boolean> {
    return this.#pool.transact(async (client) => {
      const { rows } = await client.query(
        "SELECT sequence, sender, order_key FROM work WHERE sequence IN (SELECT sequence FROM event WHERE id = $1)",
        [id],
      );
      // Until it is committed nobody leases a later one of its order key.
      await lockOrders(client, rows);
      const { rowCount } = await client.query(
        `UPDATE work SET state = 'waiting', changed_at = $1, attempts = CASE state WHEN 'dead' THEN 0 ELSE attempts END,
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
      const { rows } = await client.query(
        `UPDATE work SET state = 'done', due_at = NULL, changed_at = $1, reason = $2
         WHERE state IN ('waiting', 'dead') AND sequence IN (SELECT sequence FROM event WHERE id = $3)
         RETURNING sequence, sender, order_key`,
        [now, reason, id],
      );
      for (const row of rows) await wakeNext(client, row, now);
      return rows.length > 0;
    });
  }

  async #finish(lease: Lease, state: "done" | "dead", reason: string | null): Promise<boolean> {
    const now = this.#clock();
    const text = `UPDATE work SET state = $3, due_at = NULL, changed_at = $4, reason = $5, token = NULL ${OWN}
      RETURNING sequence, sender, order_key`;
    const values = [lease.event.sequence, lease.token, state, now, reason];
    return await this.#pool.transact(async (client) => {
      const { rows } = await client.query(text, values);
      for (const row of rows) await wakeNext(client, row, now);
      return rows.length > 0;
    });
  }

  async #change(text: string, { event, token }: Lease, ...values: readonly unknown[]): Promise<boolean> {
    const { rowCount } = await this.#pool.query(text, [event.sequence, token, ...values]);
    return (rowCount ?? 0) > 0;
  }

  /** Those that may be leased. The others are put off, or passed over while another origin looks at their order key. */
  async #separate(client: Client, candidates: readonly Candidate[], now: number, passed: string[]): Promise<string[]> {
    const ordered = candidates.filter(({ order_key: key }) => key !== null);
    if (ordered.length === 0) return candidates.map(({ sequence }) => sequence);
    const locked = await lockOrders(client, ordered, { isPatient: false });
    const busy = ordered.filter((candidate) => !locked.has(candidate)).map(({ sequence }) => sequence);
    passed.push(...busy);
    const looked = [...locked].map(({ sequence }) => sequence);
    const blocked = await postponeBlocked(client, looked, now);
    const others = new Set([...busy, ...blocked]);
    return candidates.map(({ sequence }) => sequence).filter((sequence) => !others.has(sequence));
  }

  /** After the clock went back, what was put off until a time of the old one would wait for it. Asked at first, and after a step. */
  async #followClock(client: Client, now: number): Promise<void> {
    if (now < this.#latest - CLOCK_TOLERANCE_MILLISECONDS) {
      await client.query(
        `UPDATE work SET due_at = due_at - changed_at + $1, changed_at = $1
         WHERE due_at IS NOT NULL AND changed_at > $2`,
        [now, now + CLOCK_TOLERANCE_MILLISECONDS],
      );
    }
    this.#latest = now;
  }
}

async function selectDue(client: Client, now: number, limit: number, without: readonly string[]): Promise<Candidate[]> {
  const { rows } = await client.query(
    `SELECT sequence, sender, order_key FROM work WHERE due_at <= $1 AND sequence <> ALL($3::bigint[])
     ORDER BY due_at, sequence LIMIT $2 FOR UPDATE SKIP LOCKED`,
    [now, limit, without],
  );
  return rows;
}

async function leaseAll(
  client: Client,
  sequences: readonly string[],
  now: number,
  leaseMilliseconds: number,
): Promise<Lease[]> {
  if (sequences.length === 0) return [];
  const until = now + leaseMilliseconds;
  await client.query(
    `UPDATE work SET state = 'leased', attempts = attempts + 1, due_at = $2, changed_at = $3, token = gen_random_uuid()
     WHERE sequence = ANY($1)`,
    [sequences, until, now],
  );
  const { rows } = await client.query(
    `SELECT ${EVENT_COLUMNS}, event.body, work.token FROM ${EVENT_TABLES} WHERE event.sequence = ANY($1)
     ORDER BY array_position($1::bigint[], event.sequence)`,
    [sequences],
  );
  return rows.map((row) => ({
    event: toPostgresEvent(row),
    attempt: Number(row["attempts"]),
    until,
    token: String(row["token"]),
  }));
}
