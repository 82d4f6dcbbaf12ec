// Everything that an inbox keeps, as rows of its tables: what a backup holds, and what moves from one store to the other.

/** A row's values by column, as SQLite keeps them: numbers, texts, bytes, null. */
export type TableRow = Readonly<Record<string, string | number | Uint8Array | null>>;

export interface Table {
  readonly name: string;
  /** The rows are read in this order. */
  readonly key: string;
  readonly columns: readonly string[];
  /** Numbers: PostgreSQL's driver gives a bigint as text. */
  readonly integers: ReadonlySet<string>;
  /** 0 and 1 in SQLite. */
  readonly booleans: ReadonlySet<string>;
  /** The column whose next value the store itself counts. */
  readonly counted: string | undefined;
}

/** A column ends with `#` for a number, with `?` for a boolean. */
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

/** `work` comes after `event`: a file makes a row of it for each event by itself. */
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
    `sequence# sender order_key state attempts# due_at# changed_at# token reason has_body? has_conflict? duplicates# reruns#`,
  ),
  table("repeated", "issuer, jti", "issuer jti expires#"),
  table("deleted_event", "issuer, id", "issuer id expires#"),
];

/** Many at a time, and never more bytes than fit beside a running origin. */
export const MAX_BATCH_ROWS = 250;
export const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/** How much an inbox holds. */
export interface InboxContents {
  readonly events: number;
  /** Of those. */
  readonly states: Readonly<Record<string, number>>;
  readonly certificates: number;
  /** Ids that tell a replay or a second delivery, whose events retention has deleted, or that brought an event again. */
  readonly keptIds: number;
}

export const SELECT_STATES = "SELECT state, count(*) AS number FROM work GROUP BY state ORDER BY state";

export function toStates(rows: readonly Readonly<Record<string, unknown>>[]): InboxContents["states"] {
  return Object.fromEntries(rows.map((row) => [String(row["state"]), Number(row["number"])]));
}

/** @throws Error when there is anything in an inbox that is to be restored into */
export function requireEmpty({ events, certificates, keptIds }: InboxContents, place: string): void {
  if (events + certificates + keptIds === 0) return;
  throw new Error(
    `${place} is not empty: it holds ${events} events, ${certificates} certificates and ${keptIds} ids that tell replays; a backup is restored into an inbox that is new or empty`,
  );
}

/** Batches of at most MAX_BATCH_ROWS, and of bytes MAX_BATCH_BYTES or one row. */
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
