// Finds problems with dates: windows that have ended, and times at which no entry would accept a certificate.

import { formatPointer } from "../../../core/configuration-error.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import type { EntryConditions } from "./conditions.ts";
import { type Finding, overdueAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

interface Gap {
  /** The entry that ends before the gap. `after` is the entry that begins after the gap. */
  readonly before: EntryConditions;
  readonly after: EntryConditions;
}

/**
 * Checks the windows of one sender. A gap is an error only while it lasts. Before the gap begins, it is a warning, because there is
 * time to close it.
 */
export function inspectWindows({ at, facts }: InspectedSender, now: number): Finding[] {
  if (facts.length === 0) return [];
  const last = Math.max(...facts.map(({ until }) => until));
  if (last <= now) {
    const remedy = "add an entry for the certificate that the sender uses now, or remove the sender";
    const problem = `every window has ended, the last on ${formatTime(last)}: nobody is accepted`;
    return [overdueAt([...at, "certificates"], problem, remedy, "error")];
  }
  const whole = gapsOf(facts, now);
  const partial = groupByName(facts)
    .flatMap((group) => gapsOf(group, now))
    .filter(({ after }) => !whole.some((gap) => gap.after === after));
  return [
    ...facts.filter(({ until }) => until <= now).map(describeEnded),
    ...describeStart(facts, now),
    ...whole.map((gap) => describeGap(gap, "the sender is refused", gap.before.until <= now ? "error" : "warning")),
    ...partial.map((gap) => describeGap(gap, "certificates of this name are refused", "warning")),
  ];
}

/** Returns the times between two windows that no window covers. Gaps in the past are left out. */
function gapsOf(facts: readonly EntryConditions[], now: number): Gap[] {
  const [first, ...others] = facts.toSorted((a, b) => a.from - b.from);
  const gaps: Gap[] = [];
  let latest = first;
  for (const entry of others) {
    if (latest !== undefined && entry.from > latest.until && entry.from > now)
      gaps.push({ before: latest, after: entry });
    if (latest === undefined || entry.until > latest.until) latest = entry;
  }
  return gaps;
}

/** Groups entries that differ only in digests and dates. Such entries are for successive certificates of one name. */
function groupByName(facts: readonly EntryConditions[]): EntryConditions[][] {
  const name = ({ conditions }: EntryConditions) =>
    conditions
      .filter((condition) => !/^(sha256|spkiSha256)=/.test(condition))
      .sort()
      .join();
  return [...Map.groupBy(facts, name).values()];
}

function describeEnded({ at, until }: EntryConditions): Finding {
  return overdueAt(
    [...at, "until"],
    `ended on ${formatTime(until)}: the entry matches nothing any more`,
    "remove the entry",
    "warning",
  );
}

function describeStart(facts: readonly EntryConditions[], now: number): Finding[] {
  const [first] = facts.toSorted((a, b) => a.from - b.from);
  if (first === undefined || first.from <= now) return [];
  const problem = `nobody is accepted from this sender before ${formatTime(first.from)}`;
  return [
    overdueAt([...first.at, "from"], problem, "write an earlier from if the sender already sends events", "warning"),
  ];
}

function describeGap({ before, after }: Gap, what: string, severity: Finding["severity"]): Finding {
  const [end, begin] = [formatTime(before.until), formatTime(after.from)];
  return overdueAt(
    [...after.at, "from"],
    `${what} from ${end} (the end of ${formatPointer(before.at)}) until ${begin}`,
    `set the from of this entry to ${end} or earlier, or the until of the other entry to ${begin} or later`,
    severity,
  );
}
