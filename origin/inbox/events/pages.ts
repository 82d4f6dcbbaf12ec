// Reads many events in the order in which they were accepted. It reads one page at a time, to limit the bodies in memory.

import type { EventCursor, EventFilter, EventPage, StoredEvent } from "../inbox.ts";
import {
  narrow,
  type ParameterSign,
  SELECT_ENDS,
  type SequenceRange,
  selectEvents,
  selectSamples,
  type Value,
} from "./filter.ts";
import { type Row, toListedEvent } from "./row.ts";

const MAX_PAGE_BYTES = 8 * 1024 * 1024;

/** Runs a statement on the store and returns its rows. */
export type Ask = (text: string, values: readonly Value[]) => Promise<readonly Row[]>;

/** Returns the range of rows that may match the times of the filter. Undefined if no event is stored. */
async function findRange(ask: Ask, filter: EventFilter): Promise<SequenceRange | undefined> {
  const [row] = await ask(SELECT_ENDS, []);
  if (row === undefined || row["first"] === null) return undefined;
  const ends = { first: Number(row["first"]), last: Number(row["last"]) };
  if (filter.since === undefined && filter.until === undefined) return ends;
  const samples = await ask(selectSamples(ends), []);
  return narrow(
    filter,
    samples.map((sample) => ({ at: Number(sample["at"]), acceptedAt: Number(sample["accepted_at"]) })),
    ends,
  );
}

/** Works like `findRange()`. If the filter has no time, returns undefined without any query. */
export async function findTimeRange(ask: Ask, filter: EventFilter | undefined): Promise<SequenceRange | undefined> {
  if (filter?.since === undefined && filter?.until === undefined) return undefined;
  return await findRange(ask, filter);
}

/** Returns the events that match, the newest first, without their bodies. */
export async function listEvents(ask: Ask, sign: ParameterSign, filter: EventFilter) {
  const range = await findTimeRange(ask, filter);
  const { text, values } = selectEvents(filter, range, { sign, order: "newest first" });
  return (await ask(text, values)).map(toListedEvent);
}

export async function readPage(
  ask: Ask,
  sign: ParameterSign,
  filter: EventFilter,
  cursor?: EventCursor,
): Promise<EventPage> {
  const range = cursor ?? (await findRange(ask, filter));
  if (range === undefined) return { events: [], next: undefined };
  const { text, values } = selectEvents(filter, range, { sign, order: "oldest first" });
  const found = (await ask(text, values)).map(toListedEvent);
  const taken = found.slice(0, fitting(found.map(({ bodyBytes }) => bodyBytes)));
  const bodies = await readBodies(
    ask,
    taken.map(({ sequence }) => sequence),
  );
  const events = taken.map((event) => ({ ...event, body: bodies.get(event.sequence) }));
  const isWhole = found.length < filter.limit && taken.length === found.length;
  const latest = taken.at(-1);
  const next = isWhole || latest === undefined ? undefined : { first: latest.sequence + 1, last: range.last };
  return { events, next };
}

/**
 * Returns how many events, with bodies of these sizes, fit into a page. If the first body is too large, it has a page of its own.
 */
function fitting(sizes: readonly number[]): number {
  let bytes = 0;
  const most = sizes.findIndex((size, index) => {
    bytes += size;
    return index > 0 && bytes > MAX_PAGE_BYTES;
  });
  return most === -1 ? sizes.length : most;
}

async function readBodies(ask: Ask, sequences: readonly number[]): Promise<Map<number, StoredEvent["body"]>> {
  if (sequences.length === 0) return new Map();
  const rows = await ask(`SELECT sequence, body FROM event WHERE sequence IN (${sequences.join(", ")})`, []);
  return new Map(
    rows.map((row) => {
      const body = row["body"] as Uint8Array | null;
      return [Number(row["sequence"]), body === null ? undefined : new Uint8Array(body)];
    }),
  );
}
