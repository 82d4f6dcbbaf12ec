// The options of `countersign origin` that say where its inbox is, and how long it keeps events and refusals.

import { MAX_REFUSALS, REFUSAL_BYTES, REFUSED_CERTIFICATE_BYTES } from "../../core/wire.ts";
import type { Retention } from "../../origin/inbox/inbox.ts";
import { isPostgresUrl } from "../../origin/inbox/location.ts";
import type { RefusalLimits } from "../../origin/inbox/refusals/refusals.ts";
import { parseDuration } from "../arguments/durations.ts";
import { parseWhole } from "../arguments/values.ts";
import { UsageError } from "../command.ts";

export const INBOX_OPTIONS = {
  inbox: { type: "string", default: "inbox.sqlite" },
  anyway: { type: "boolean", default: false },
  "wait-for-store": { type: "string" },
  // Bodies are kept for 30 days, so that people can look at handled events. The other data is kept for a year, to recognise
  // repeated events and to find out who sent an event.
  "keep-bodies": { type: "string", default: "30d" },
  "keep-events": { type: "string", default: "365d" },
  refusals: { type: "string", default: String(MAX_REFUSALS) },
} as const;

export const INBOX_HELP = `
  --inbox FILE|URL  the store of every accepted event: a SQLite file (default inbox.sqlite), or the postgres:// URL of a
                    database that several origins share
  --anyway          also use a file on a network file system (NFS, SMB, …), where SQLite can lose or damage it
  --wait-for-store SECONDS how long the start waits for a database that cannot be reached yet (default 30)
  --keep-bodies DURATION   how long the body of an event is kept after the event is done (default 30d)
  --keep-events DURATION   how long an event is kept after it is done or dead, and recognised if it is sent again (default 365d).
                    The ids that are needed to recognise a replay, or a second delivery from an edge's queue, are kept
                    as long as a replay or a second delivery is possible
  --refusals N|off  how many refused requests are kept next to the events, as long as bodies are kept (default ${MAX_REFUSALS}):
                    see countersign inbox refusals`;

const DEFAULT_WAIT_SECONDS = 30;

/** Returns the number of seconds that a start waits for its database. @throws UsageError */
export function parseWaitSeconds(text: string | undefined, inbox: string): number {
  if (text === undefined) return DEFAULT_WAIT_SECONDS;
  if (!isPostgresUrl(inbox))
    throw new UsageError("--wait-for-store has no effect with a file: it waits for a database");
  return parseWhole("--wait-for-store", text, 0, 86_400);
}

/** Returns undefined if no refusals are to be kept. @throws UsageError */
export function parseRefusals(text: string): RefusalLimits | undefined {
  if (text === "off") return undefined;
  const refusals = parseWhole("--refusals", text, 1_000, 1_000_000);
  return {
    refusals,
    bytes: refusals * REFUSAL_BYTES,
    certificateBytes: refusals * REFUSED_CERTIFICATE_BYTES,
  };
}

interface Values {
  readonly "keep-bodies": string;
  readonly "keep-events": string;
}

/** @throws UsageError */
export function parseRetention(values: Values): Retention {
  const bodySeconds = parseDuration(values["keep-bodies"], "keep-bodies");
  const eventSeconds = parseDuration(values["keep-events"], "keep-events");
  if (eventSeconds < bodySeconds) throw new UsageError("--keep-events is shorter than --keep-bodies");
  return { bodySeconds, eventSeconds };
}
