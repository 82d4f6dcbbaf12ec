// What came before, though retention has deleted the event since: by the ids that are kept of it.

import { type AssertionId, DIRECT } from "../acceptance.ts";
import type { Arrival } from "./acceptor.ts";
import type { Client } from "./postgres-pool.ts";
import type { Insertion } from "./stored-columns.ts";

/** Whether a replay or a duplicate, of each that came before. */
type CameBefore = ReadonlyMap<Arrival, "replay" | "duplicate">;

/**
 * Of a batch, what came before and was deleted by retention. Asked after the insert, which waits for a deletion that is under way.
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

/** What becomes of those. `sequences` has the rows of the batch that were stored: theirs are taken out again. */
export async function settleDeleted(
  client: Client,
  before: CameBefore,
  arrivals: readonly Arrival[],
  sequences: readonly (number | undefined)[],
): Promise<Map<Arrival, Insertion>> {
  await takeOut(
    client,
    sequences.filter((sequence, index) => sequence !== undefined && before.has(arrivals[index] as Arrival)),
  );
  const duplicates = [...before.keys()].filter((arrival) => before.get(arrival) === "duplicate");
  const used = await useUp(client, duplicates);
  // Of two with one assertion in one batch the first used it up.
  return new Map(
    [...before.keys()].map((arrival) => [
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
