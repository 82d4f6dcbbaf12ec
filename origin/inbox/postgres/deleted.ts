// Finds replays and duplicates of events that retention has deleted. It uses the ids that are still stored.

import { type AssertionId, DIRECT } from "../../accept.ts";
import type { Insertion } from "../events/columns.ts";
import type { Arrival } from "../intake.ts";
import type { Client } from "./pool.ts";

/** The arrivals that are a replay or a duplicate of a deleted event. */
type CameBefore = ReadonlyMap<Arrival, "replay" | "duplicate">;

/**
 * Finds the arrivals of a batch that repeat a deleted event. Must be called after the insert. If retention is deleting events, the
 * insert waits until the deletion has ended. Only then are the ids of the deleted events visible.
 */
export async function askDeleted(client: Client, arrivals: readonly Arrival[]): Promise<CameBefore> {
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
  return new Map(
    rows.map((row) => [asked[Number(row["place"]) - 1] as Arrival, row["is_replay"] ? "replay" : "duplicate"]),
  );
}

/**
 * Removes the rows that the batch has stored for the arrivals in `before`, and returns the result for each of these arrivals.
 * `sequences` are the rows that the batch has stored, in the order of `arrivals`.
 */
export async function settleDeleted(
  client: Client,
  before: CameBefore,
  arrivals: readonly Arrival[],
  sequences: readonly (number | undefined)[],
): Promise<Map<Arrival, Insertion>> {
  await deleteStored(
    client,
    sequences.filter((sequence, index) => sequence !== undefined && before.has(arrivals[index] as Arrival)),
  );
  const duplicates = [...before.keys()].filter((arrival) => before.get(arrival) === "duplicate");
  const used = await useUp(client, duplicates);
  // If two arrivals in a batch have the same assertion, only the first of them is a duplicate. The second is a replay.
  return new Map(
    [...before.keys()].map((arrival) => [
      arrival,
      used.delete(assertionOf(arrival.assertion))
        ? { outcome: "duplicate", of: arrival.delivery.id }
        : { outcome: "replayed" },
    ]),
  );
}

async function deleteStored(client: Client, sequences: readonly (number | undefined)[]): Promise<void> {
  if (sequences.length === 0) return;
  await client.query("DELETE FROM work WHERE sequence = ANY($1)", [sequences]);
  await client.query("DELETE FROM event WHERE sequence = ANY($1)", [sequences]);
}

/** Records the assertions as used. Returns the assertions that were not used before, in the form of `assertionOf`. */
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
