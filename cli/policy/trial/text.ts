// Formats a trial of a policy: a line for each difference, the number of requests that were judged, and the number that could not
// be judged.

import type { Line } from "../../output.ts";
import { bad, doubtful, good, type Row, tabulate } from "../../table.ts";
import type { Difference, Trial } from "./tally.ts";

export function formatTrial(trial: Trial): Line[] {
  const { today, changed, events, certificates, same, takenOver, refusedByBoth, differences } = trial;
  const count = (what: Difference["what"]) => differences.filter((one) => one.what === what).length;
  const judged = differences.filter(({ what }) => what !== "UNKNOWN");
  const also = [
    ...(takenOver === 0
      ? []
      : [`${takenOver} by signatures or credentials that cannot be verified again, under rules that are the same`]),
    ...(refusedByBoth === 0 ? [] : [`${refusedByBoth} refused by both`]),
  ];
  return [
    ...tabulate(judged.map(rowOf)),
    ...(judged.length === 0 ? [] : [""]),
    `${events} stored event(s) and ${certificates} observed certificate(s), each as of the time when it came`,
    ...tabulate([
      ["  today", `${today.file}, digest ${today.digest}`],
      ["  changed", `${changed.file}, digest ${changed.digest}`],
    ]),
    ...tabulate([
      ["  same verdict", `${same}${also.length === 0 ? "" : ` (${also.join("; ")})`}`],
      ["  would be refused", String(count("REFUSED"))],
      ["  would be accepted", String(count("ACCEPTED"))],
      ["  as another sender", String(count("OTHER SENDER"))],
      ["  cannot be judged here", String(count("UNKNOWN"))],
    ]),
    ...tabulate(reasonsOf(differences).map(([why, number]) => [`    ${number}`, why])),
    "Requests that were refused on routes that do not observe are not stored, and were not judged.",
  ];
}

const STYLES = { REFUSED: bad, ACCEPTED: good, "OTHER SENDER": doubtful, UNKNOWN: doubtful } as const;

function rowOf({ what, kind, id, at, method, target, today, changed }: Difference): Row {
  const name = kind === "event" ? `event ${id}` : `certificate ${id.slice(0, 16)}`;
  return [STYLES[what](what), at, name, `${method} ${target}  today ${tell(today)}, then ${tell(changed)}`];
}

function tell({ verdict, sender, code, why }: Difference["today"]): string {
  if (verdict === "accepted") return sender === null ? "accepted by its certificate" : `accepted as ${sender}`;
  return verdict === "refused" ? `${code}: ${why}` : `not to be judged: ${why}`;
}

/** Returns each reason why a request could not be judged, with the number of these requests. */
function reasonsOf(differences: readonly Difference[]): [why: string, number: number][] {
  const reasons = new Map<string, number>();
  for (const { what, today, changed } of differences) {
    if (what !== "UNKNOWN") continue;
    const why = (changed.verdict === "unknown" ? changed.why : today.why) ?? "";
    reasons.set(why, (reasons.get(why) ?? 0) + 1);
  }
  return [...reasons];
}
