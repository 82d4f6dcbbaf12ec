// Formats what an inbox or a log stores about the request, with the recorded verdict next to the current verdict.

import type { LogLine } from "../../../core/log-line.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import type { StoredEvent } from "../../../origin/inbox/inbox.ts";
import { explainChallenge } from "../challenge.ts";
import type { Explanation } from "../explanation.ts";
import type { RecordedDecision } from "../log.ts";
import type { Source } from "../recorded.ts";

export interface Recorded {
  readonly verdict: "accepted" | "refused";
  readonly code: string | null;
  readonly sender: string | null;
  /** The stored event without its body. */
  readonly event: Readonly<Record<string, unknown>> | null;
  /** The log lines of the decision. */
  readonly lines: readonly LogLine[];
  /** The options that the user must add, so that the current policy can judge the request. */
  readonly lacking: readonly string[];
  readonly notes: readonly string[];
}

export function describeRecorded(
  { event, decision }: Source,
  explanation: Explanation | undefined,
  lacking: readonly string[],
): Recorded | null {
  if (event !== undefined) return { ...recordedEvent(event, explanation), lacking };
  return decision === undefined ? null : { ...recordedDecision(decision, explanation), lacking };
}

function recordedEvent(event: StoredEvent, explanation: Explanation | undefined): Omit<Recorded, "lacking"> {
  const { id, sender, acceptedAt, request, factors, reliedOnEdge, policyDigest, certificate, body } = event;
  const isOfAnother = explanation !== undefined && explanation.asked.policy !== policyDigest;
  return {
    verdict: "accepted",
    code: null,
    sender,
    event: {
      id,
      acceptedAt: formatTime(acceptedAt),
      ...request,
      factors,
      reliedOnEdge,
      policyDigest,
      bodyBytes: body?.byteLength ?? null,
      certificate: certificate === undefined ? null : { subject: certificate.subject, sha256: certificate.sha256 },
    },
    lines: [],
    notes: isOfAnother ? [`it was accepted by another policy than this one: ${policyDigest}`] : [],
  };
}

const OF_A_VERDICT: ReadonlySet<string> = new Set(["accepted", "forwarded", "challenge", "refused", "failed"]);

/** The values of `decision` in the log line of a request that was not refused. */
const ADMITTED: ReadonlySet<string> = new Set(["accepted", "forwarded", "challenge"]);

function recordedDecision(
  { lines, sha256 }: RecordedDecision,
  explanation: Explanation | undefined,
): Omit<Recorded, "lacking"> {
  const verdicts = lines.filter(({ decision }) => OF_A_VERDICT.has(decision));
  const line =
    verdicts.find(({ decision }) => decision === "refused" || decision === "failed") ?? verdicts[0] ?? lines[0];
  const asked = explanation?.certificate?.leaf?.sha256;
  const notes: string[] = line === undefined ? [] : explainChallenge(line);
  if (sha256 !== undefined && asked !== undefined && sha256 !== asked) {
    notes.push(`the certificate asked about is another one than that of the decision, sha256 ${sha256}`);
  }
  return {
    verdict: ADMITTED.has(line?.decision ?? "") ? "accepted" : "refused",
    code: textOf(line?.["code"]),
    sender: textOf(line?.["sender"]),
    event: null,
    lines,
    notes,
  };
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

/** Formats the record for people. */
export function formatRecorded(recorded: Recorded | null, isJudgedAgain: boolean): string[] {
  if (recorded === null) return [];
  const { event, lines, notes, lacking } = recorded;
  const needed = lacking.map(
    (option) => `the current policy cannot judge the request without ${option}, because the log does not contain it`,
  );
  return [
    ...(event === null ? [] : ["stored", ...membersOf(event)]),
    ...lines.flatMap((line) => [`logged as ${line.decision}`, ...membersOf(line)]),
    ...[...notes, ...needed].map((note) => `note: ${note}`),
    ...(isJudgedAgain ? ["", "by the current policy:"] : []),
  ];
}

/** Members that are not shown to people. The RFC 9440 fields `clientCert` and `clientCertChain` are only for programs. */
const NOT_FOR_PEOPLE: ReadonlySet<string> = new Set(["decision", "clientCert", "clientCertChain"]);

function membersOf(value: Readonly<Record<string, unknown>>, indent = "  "): string[] {
  return Object.entries(value).flatMap(([name, member]) => {
    if (NOT_FOR_PEOPLE.has(name) || member === undefined || member === null) return [];
    if (typeof member !== "object" || Array.isArray(member)) return [`${indent}${name}: ${[member].flat().join(", ")}`];
    return [`${indent}${name}:`, ...membersOf(member as Record<string, unknown>, `${indent}  `)];
  });
}
