// What came before, though retention has deleted the event since: by the ids that are kept of it.

import { type AssertionId, DIRECT } from "../acceptance.ts";
import type { Arrival } from "./acceptor.ts";
import type { Client } from "./postgres-pool.ts";
import type { Insertion } from "./stored-columns.ts";

/**
 * Of a batch that was inserted, what came before and was deleted by retention. `sequences` has the rows that were stored: those of
 * such arrivals are taken out again. Asked after the insert, which waits for a deletion that is under way.
 */
export async function findDeleted(
  client: Client,
  arrivals: readonly Arrival[],
  sequences: readonly (number | undefined)[],
): Promise<Map<Arrival, Insertion>> {
  const asked = arrivals.filter(({ assertion }) => assertion.issuer !== DIRECT);
  if (asked.length === 0) return new Map();
  const { rows } = await client.query(
    `SELECT asked.place, repeated.jti IS NOT NULL AS is_replay
     FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS asked (issuer, jti, id, place)
       LEFT JOIN repeated USING (issuer, jti) LEFT JOIN deleted_event USING (issuer, id)
     WHERE repeated.jti IS NOT NULL OR deleted_event.id IS NOT NULL`,
    [
      asked.map(({ assertion }) => assertion.issuer),
      asked.map(({ assertion }) => assertion.jti),
      asked.map(({ delivery }) => delivery.id),
    ],
  );
  const replays = new Map<Arrival, boolean>();
  for (const { place, is_replay: isReplay } of rows) {
    const arrival = asked[Number(place) - 1];
    if (arrival !== undefined) replays.set(arrival, isReplay === true);
  }
  await takeOut(
    client,
    sequences.filter((sequence, index) => sequence !== undefined && replays.has(arrivals[index] as Arrival)),
  );
  const used = await useUp(
    client,
    [...replays].filter(([, isReplay]) => !isReplay).map(([arrival]) => arrival),
  );
  // Of two with one assertion in one batch the first used it up.
  return new Map(
    [...replays.keys()].map((arrival) => [
      arrival,
      used.delete(assertionOf(arrival.assertion))
        ? { outcome: "duplicate", of: arrival.delivery.id }
        : { outcome: "replayed" },
    ]),
  );
}

async function takeOut(client: Client, sequences: readonly (number | undefined)[]): Promise<void> {
  if (sequences.length === 0) return;
  await client.query("DELETE FROM work WHERE sequence = ANY($1)", [sequences]);
  await client.query("DELETE FROM event WHERE sequence = ANY($1)", [sequences]);
}

/** Those that nobody used up before, by assertionOf. */
export async function useUp(client: Client, arrivals: readonly Arrival[]): Promise<Set<string>> {
  if (arrivals.length === 0) return new Set();
  const { rows } = await client.query(
    `INSERT INTO repeated (issuer, jti, expires) SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[])
     ON CONFLICT DO NOTHING RETURNING issuer, jti`,
    [
      arrivals.map(({ assertion }) => assertion.issuer),
      arrivals.map(({ assertion }) => assertion.jti),
      arrivals.map(({ assertion }) => assertion.expires),
    ],
  );
  return new Set(rows.map((row) => assertionOf({ issuer: String(row["issuer"]), jti: String(row["jti"]) })));
}

export function assertionOf({ issuer, jti }: Pick<AssertionId, "issuer" | "jti">): string {
  return JSON.stringify([issuer, jti]);
}
