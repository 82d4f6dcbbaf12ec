// Formats an explanation for people. The verdict comes first, then its reasons.

import { cut } from "../../../core/shown-text.ts";
import type { Line } from "../../output.ts";
import { bad, type Cell, doubtful, good, type Row, tabulate } from "../../table.ts";
import type { Explanation } from "../explanation.ts";
import { formatDetails } from "./path.ts";
import { formatSender } from "./sender.ts";

export function formatExplanation(explanation: Explanation): Line[] {
  const { senders, shadow, denied, ways } = explanation;
  return [
    ...formatVerdict(explanation),
    ...formatRoute(explanation),
    ...denied.map(({ subject, rules }) => `denied  ${cut(subject)} by ${rules.join(", ")}`),
    ...senders.flatMap((facts) => ["", ...formatSender(facts)]),
    ...(shadow === null ? [] : ["", `shadow senders would say: ${formatOutcome(shadow)}`]),
    ...(shadow?.senders.flatMap((facts) => ["", ...formatSender(facts)]) ?? []),
    "",
    ...formatWays(ways),
    ...formatLists(explanation),
  ];
}

function formatVerdict(explanation: Explanation): Line[] {
  const { verdict, sender, factors, why, decidedBy, answer, keepers, details, asked, route, platform } = explanation;
  const { rule, fields } = decidedBy;
  const wasAccepted = verdict === "accepted" ? `as ${sender}, by ${factors.join(" and ")}` : (explanation.code ?? "");
  const hasRule = rule !== null || fields.length > 0;
  return [
    ...tabulate([[verdictCell(verdict, verdict.toUpperCase()), wasAccepted]]),
    ...(why === null ? [] : [`  ${cut(why)}`]),
    ...tabulate([
      ...detailsOf(details),
      ["  asked", `${asked.method} ${cut(asked.target)}, ${bodyText(asked.bodyBytes)}, as of ${asked.at}`],
      ...(platform?.isAsked ? [["  platform", cut(platform.note)]] : []),
      ...(route.nearest.length === 0 ? [] : [["  nearest", route.nearest.join("  ")]]),
      ...(hasRule ? [["  decided by", [rule ?? "what every client certificate must be", ...fields].join("  ")]] : []),
      ...(answer === null ? [] : [["  answer", formatAnswer(answer)]]),
      ...keepers.map((keeper) => ["  sent again", formatKeeper(keeper)]),
    ]),
  ];
}

function formatAnswer({ status, headers, problem }: NonNullable<Explanation["answer"]>): string {
  if (problem === null) return `the origin's own answer (${status} of countersign origin)`;
  const wait = headers["retry-after"];
  return `${status} "${problem.title}"${wait === undefined ? "" : `, Retry-After: ${wait}`}`;
}

function formatKeeper({ sender, retries }: Explanation["keepers"][number]): string {
  return `by ${sender}: ${retries ?? "for how long is not known"}`;
}

function verdictCell(verdict: Explanation["ways"][number]["verdict"], text: string = verdict): Cell {
  return verdict === "accepted" ? good(text) : verdict === "refused" ? bad(text) : doubtful(text);
}

function bodyText(bytes: number | null): string {
  return bytes === null ? "the body not given" : `body of ${bytes} bytes`;
}

/** Formats the details of a refusal. The nearest entry is left out, because it is already shown as the rule that decided. */
function detailsOf({ nearMiss: _, ...details }: Readonly<Record<string, unknown>>): Row[] {
  return Object.keys(details).length === 0 ? [] : [["  details", formatDetails(details)]];
}

function formatRoute({ route, certificate }: Explanation): string[] {
  const lines = [""];
  if (route.path !== null) {
    const { path, methods, senders, shadow, mode, maxBodyBytes, isBodyWithin } = route;
    const body = `body up to ${maxBodyBytes} bytes${isBodyWithin === false ? ", which this one exceeds" : ""}`;
    const also = shadow.length === 0 ? "" : `  shadow ${shadow.join(", ")}`;
    lines.push(`route   ${path}  ${methods.join(",")}  senders ${senders.join(", ")}${also}  ${mode}  ${body}`);
  }
  if (certificate === null) return [...lines, "certificate  none"];
  if (certificate.fault !== null)
    return [...lines, `certificate  ${certificate.fault.code}: ${formatDetails(certificate.fault.details)}`];
  return lines.length > 1 ? lines : [];
}

function formatOutcome({
  verdict,
  code,
  sender,
  why,
}: Pick<Explanation, "verdict" | "code" | "sender" | "why">): string {
  return [verdict, code ?? (sender === null ? (why ?? "") : `as ${sender}`)].filter((text) => text !== "").join("  ");
}

function formatWays(ways: Explanation["ways"]): Line[] {
  return [
    "what each program would say",
    ...tabulate(
      ways.flatMap((row) => {
        const why = row.differs && row.code !== null ? `  (${row.why})` : "";
        const reason = row.code ?? (row.sender === null ? (row.why ?? "") : `as ${row.sender}`);
        return [
          [`  ${row.way}`, verdictCell(row.verdict), `${reason}${why}`],
          ...row.notes.map((note) => ["", `- ${cut(note)}`]),
        ];
      }),
    ),
  ];
}

function formatLists({ revocationLists }: Explanation): Line[] {
  if (revocationLists.length === 0) return [];
  return [
    "",
    "revocation lists",
    ...tabulate(
      revocationLists.flatMap(({ source, from, lists, why }) => {
        const listLines = lists.map(
          (list) =>
            `${from}: of ${cut(list.issuer)}, ${list.thisUpdate} to ${list.nextUpdate}, ${list.entries} entries`,
        );
        const [first, ...others] = listLines.length === 0 ? ["none"] : listLines;
        const doubt = why === null ? "" : `  (${cut(why)})`;
        return [[`  ${source}`, `${first}${doubt}`], ...others.map((text) => [`  ${source}`, text])];
      }),
    ),
  ];
}
