// The tables of an inbox. A backup holds exactly these tables, and a restore copies them into SQLite or PostgreSQL.

/** The values of a row by column, as SQLite stores them: numbers, texts, bytes or null. */
export type TableRow = Readonly<Record<string, string | number | Uint8Array | null>>;

export interface Table {
  readonly name: string;
  /** The columns by which the rows are ordered. */
  readonly key: string;
  readonly columns: readonly string[];
  /** The columns with numbers. They are converted, because PostgreSQL's driver returns a `bigint` as text. */
  readonly integers: ReadonlySet<string>;
  /** The columns with booleans. They are converted, because SQLite stores them as 0 and 1. */
  readonly booleans: ReadonlySet<string>;
  /** The column that the store numbers by itself. Undefined if there is none. */
  readonly counted: string | undefined;
}

/**
 * Describes a table. In `columns`, a name that ends with `#` is a column of numbers. A name that ends with `?` is a column of
 * booleans.
 */
function table(name: string, key: string, columns: string, counted?: string): Table {
  const words = columns.split(/\s+/);
  const marked = (mark: string) =>
    new Set(words.filter((word) => word.endsWith(mark)).map((word) => word.slice(0, -1)));
  return {
    ...{ name, key, counted },
    columns: words.map((word) => word.replace(/[#?]$/, "")),
    integers: marked("#"),
    booleans: marked("?"),
  };
}

/**
 * `work` must come after `event`. In a SQLite file, a trigger makes a row of `work` for each row of `event`. The rows of `work` in
 * the backup then replace these rows.
 */
export const TABLES: readonly Table[] = [
  table(
    "certificate",
    "id",
    "id# sender sha256 spki_sha256 issuer subject not_after# der intermediates first_seen# last_seen#",
    "id",
  ),
  table(
    "event",
    "sequence",
    `sequence# id issuer jti accepted_at# sender method target content_type headers body content_digest event_key
     certificate certificate_id# factors relied_on_edge policy_digest order_key assertion_expires#`,
    "sequence",
  ),
  table(
    "work",
    "sequence",
    `sequence# sender order_key state attempts# due_at# changed_at# token reason has_body? has_conflict? duplicates# reruns#
     began_at# status# recorded#`,
  ),
  table("attempt", "sequence, place", "sequence# place# outcome number# began_at# ended_at# status# reason due_at#"),
  table("repeated", "issuer, jti", "issuer jti expires#"),
  table("deleted_event", "issuer, id", "issuer id expires#"),
  table("refusal_kind", "id", "id# code sender route certificate refusals# bytes#", "id"),
  table("refusal", "sequence", "sequence# at# kind# id peer method target certificate chain bytes# line", "sequence"),
  table("refused_certificate", "digest", "digest sha256 sender bytes# last_seen# der intermediates"),
  table("refusal_hour", "hour, code", "hour# code refusals#"),
];

/** The limits of a batch. Batches are large, but fit into the memory of a machine that also runs an origin. */
export const MAX_BATCH_ROWS = 250;
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** The numbers of entries that an inbox holds. */
export interface InboxContents {
  readonly events: number;
  /** The number of events in each state. */
  readonly states: Readonly<Record<string, number>>;
  readonly certificates: number;
  /**
   * The number of stored ids that detect a replay or a second delivery. They belong to events that retention has deleted, and to
   * repeated deliveries of an event.
   */
  readonly keptIds: number;
  /** The number of refused requests that are kept. */
  readonly refusals: number;
}

export const SELECT_STATES = "SELECT state, count(*) AS number FROM work GROUP BY state ORDER BY state";

export function toStates(rows: readonly Readonly<Record<string, unknown>>[]): InboxContents["states"] {
  return Object.fromEntries(rows.map((row) => [String(row["state"]), Number(row["number"])]));
}

/** Formats the contents for people: "2 events (1 dead, 1 done), 1 certificate, 0 ids that tell replays". */
export function formatContents({ events, states, certificates, keptIds, refusals }: InboxContents): string {
  const count = (number: number, noun: string) => `${number} ${noun}${number === 1 ? "" : "s"}`;
  const each = Object.entries(states).map(([state, number]) => `${number} ${state}`);
  const of = each.length === 0 ? "" : ` (${each.join(", ")})`;
  const ids = `${count(keptIds, "id")} that ${keptIds === 1 ? "tells" : "tell"} replays`;
  const refused = refusals === 0 ? "" : `, ${count(refusals, "refused request")}`;
  return `${count(events, "event")}${of}, ${count(certificates, "certificate")}, ${ids}${refused}`;
}

/** @throws Error if the inbox into which a backup is to be restored is not empty */
export function requireEmpty(contents: InboxContents, place: string): void {
  if (contents.events + contents.certificates + contents.keptIds + contents.refusals === 0) return;
  throw new Error(
    `${place} is not empty: it holds ${formatContents(contents)}; a backup is restored into an inbox that is new or empty`,
  );
}

/** Yields batches of at most `MAX_BATCH_ROWS` rows and `MAX_BATCH_BYTES` bytes. A larger row is a batch of its own. */
export function* batchesOf(rows: Iterable<TableRow>): Generator<TableRow[]> {
  let batch: TableRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const body = row["body"];
    const more = body instanceof Uint8Array ? body.byteLength : 0;
    if (batch.length >= MAX_BATCH_ROWS || (batch.length > 0 && bytes + more > MAX_BATCH_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(row);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}
