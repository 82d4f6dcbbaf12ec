// Inserts a batch of events with one statement. The text of the statement does not depend on the number of events, so it is
// prepared once.

import { columnsOf, EVENT_ROW_COLUMNS } from "../events/columns.ts";
import type { Arrival } from "../intake.ts";
import type { Client } from "./pool.ts";

/** An arrival. `certificateId` names the row that holds its certificate. It is undefined if this row is not known. */
export type CertifiedArrival = Arrival & { readonly certificateId: number | undefined };

const COLUMNS = EVENT_ROW_COLUMNS.split(/,\s*/);
const BODY = COLUMNS.indexOf("body");
const BIGINTS: ReadonlySet<string> = new Set(["accepted_at", "certificate_id", "assertion_expires"]);
/**
 * The parameters are one array for each column. Bodies are concatenated in one binary parameter, because as elements of an array
 * they would take twice as many octets.
 */
const ARRAYS = [...COLUMNS.filter((_, index) => index !== BODY), "body_start", "body_octets"];
const typeOf = (name: string) => (BIGINTS.has(name) ? "bigint" : name.startsWith("body_") ? "integer" : "text");
const SELECTED = COLUMNS.with(
  BODY,
  `substring($${ARRAYS.length + 1}::bytea FROM arrived.body_start + 1 FOR arrived.body_octets)`,
);

const INSERT = `
  WITH stored AS (
    INSERT INTO event (${EVENT_ROW_COLUMNS})
    SELECT ${SELECTED.join(", ")}
    FROM unnest(${ARRAYS.map((name, index) => `$${index + 1}::${typeOf(name)}[]`).join(", ")})
      AS arrived (${ARRAYS.join(", ")})
    ON CONFLICT DO NOTHING
    RETURNING sequence, id, issuer, jti, sender, order_key, accepted_at
  ), queued AS (
    INSERT INTO work (sequence, sender, order_key, state, due_at, changed_at)
    SELECT sequence, sender, order_key, 'waiting', accepted_at * 1000, accepted_at * 1000 FROM stored
  ) SELECT sequence, id, issuer, jti FROM stored`;

/** Returns the sequence number of each event, in the order of `arrivals`. Undefined if a unique index refused the event. */
export async function insertAll(
  client: Client,
  arrivals: readonly CertifiedArrival[],
): Promise<readonly (number | undefined)[]> {
  const { rows } = await client.query(INSERT, valuesOf(arrivals));
  const stored = new Map(
    rows.map((row) => [JSON.stringify([row["id"], row["issuer"], row["jti"]]), Number(row["sequence"])]),
  );
  return arrivals.map(({ delivery, assertion }) => {
    const key = JSON.stringify([delivery.id, assertion.issuer, assertion.jti]);
    const sequence = stored.get(key);
    // If a batch contains the same event with the same assertion twice, the first one counts as stored. For the second one, the
    // result is undefined.
    stored.delete(key);
    return sequence;
  });
}

function valuesOf(arrivals: readonly CertifiedArrival[]): readonly unknown[] {
  const rows = arrivals.map(({ delivery, assertion, now, certificateId }) =>
    columnsOf(delivery, assertion, now, certificateId ?? null),
  );
  const arrays = COLUMNS.map((_, index) => rows.map((row) => row[index])).toSpliced(BODY, 1);
  const starts: number[] = [];
  let octets = 0;
  for (const { delivery } of arrivals) {
    starts.push(octets);
    octets += delivery.body.byteLength;
  }
  const bodies = arrivals.map(({ delivery }) => delivery.body);
  return [...arrays, starts, bodies.map(({ byteLength }) => byteLength), Buffer.concat(bodies)];
}
