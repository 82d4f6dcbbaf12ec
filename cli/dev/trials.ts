// Sends a fixed series of events to the running development system. The first event is accepted. The others are refused: some by
// the edge, over real TLS, and some by the origin.

import type { LogLine } from "../../core/log-line.ts";
import type { RefusalCode } from "../../core/refusal.ts";
import { readCertificatesAsPem, readPair } from "../files/certificates.ts";
import { type BufferedResponse, sendEvent } from "../http-client.ts";
import type { Shown } from "../output.ts";
import { SAMPLE_EVENT } from "../send/index.ts";
import { bad, good, heading, tabulate } from "../table.ts";
import { type ClientName, DEVELOPMENT_ROUTE } from "./state.ts";
import type { Development } from "./system.ts";

export interface TrialResult {
  readonly sent: string;
  readonly expected: string;
  readonly answer: string;
  readonly reason: string;
  readonly stoppedAt: string;
  readonly isExpected: boolean;
}

interface Trial {
  readonly sent: string;
  readonly status: number;
  /** The code of the refusal. Undefined for an event that is accepted. */
  readonly code: RefusalCode | undefined;
  readonly at: "edge" | "origin" | "inbox";
  send(): Promise<BufferedResponse>;
}

type Decision = { readonly source: "edge" | "origin"; readonly line: LogLine };

const LOG_DEADLINE_MILLISECONDS = 5_000;

/** Sends the events one after the other. While this function waits, the running system adds to `decisions` and `forwarded`. */
export async function runTrials(
  development: Development,
  decisions: readonly Decision[],
  forwarded: readonly Request[],
): Promise<TrialResult[]> {
  const results: TrialResult[] = [];
  for (const trial of trials(development, forwarded)) {
    const answer = await trial.send();
    const id = idOf(answer);
    results.push(judge(trial, answer, await findDecision(decisions, trial, id)));
  }
  return results;
}

function trials(development: Development, forwarded: readonly Request[]): Trial[] {
  const { edge, origin, state } = development;
  const url = `${edge}${DEVELOPMENT_ROUTE}`;
  const toEdge =
    (client?: ClientName, headers: Record<string, string> = {}) =>
    () =>
      sendEvent(url, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: SAMPLE_EVENT,
        serverCa: readCertificatesAsPem(state.serverCa).join(""),
        ...(client !== undefined && readPair(state.clients[client].certificate, state.clients[client].key)),
      });
  const toOrigin = (change: (headers: Record<string, string>) => void, body?: string) => async () => {
    const [request] = forwarded;
    if (request === undefined) throw new Error("no event reached the origin");
    const headers = Object.fromEntries(
      [...request.headers].filter(
        ([name]) => !["host", "connection", "content-length", "transfer-encoding"].includes(name),
      ),
    );
    change(headers);
    const sent = new Uint8Array(await request.clone().arrayBuffer());
    return sendEvent(`${origin}${DEVELOPMENT_ROUTE}`, { method: "POST", headers, body: body ?? sent });
  };
  return [
    { sent: "the sender's certificate", status: 202, code: undefined, at: "inbox", send: toEdge("good") },
    { sent: "no certificate", status: 403, code: "no_certificate", at: "edge", send: toEdge() },
    {
      sent: "no certificate, identity in headers",
      status: 403,
      code: "no_certificate",
      at: "edge",
      send: toEdge(undefined, {
        "countersign-assertion": "e30.e30.e30",
        "mf-cf-blob": '{"tlsClientAuth":{"certPresented":"1","certVerified":"SUCCESS"}}',
      }),
    },
    {
      sent: "a self-signed certificate",
      status: 403,
      code: "platform_disagrees",
      at: "edge",
      send: toEdge("self-signed"),
    },
    { sent: "the sender's, expired", status: 403, code: "certificate_expired", at: "edge", send: toEdge("expired") },
    {
      sent: "the sender's name, another CA",
      status: 403,
      code: "issuer_unknown",
      at: "edge",
      send: toEdge("wrong-ca"),
    },
    {
      sent: "the right CA, another subject",
      status: 403,
      code: "sender_not_allowed",
      at: "edge",
      send: toEdge("wrong-subject"),
    },
    {
      sent: "the sender's, for servers only (EKU)",
      status: 403,
      code: "wrong_extended_key_usage",
      at: "edge",
      send: toEdge("server-auth"),
    },
    {
      sent: "to the origin: no assertion",
      status: 401,
      code: "assertion_missing",
      at: "origin",
      send: toOrigin((headers) => delete headers["countersign-assertion"]),
    },
    {
      sent: "to the origin: another body",
      status: 401,
      code: "body_mismatch",
      at: "origin",
      send: toOrigin(() => undefined, "{}"),
    },
    {
      sent: "to the origin: the first event again",
      status: 409,
      code: "replayed",
      at: "origin",
      send: toOrigin(() => undefined),
    },
  ];
}

/**
 * Returns the id in the answer. It is the id of the decision if the event was refused, and the id of the event if it was accepted.
 */
function idOf({ body }: BufferedResponse): string | undefined {
  try {
    const { decision, event } = JSON.parse(body) as { decision?: string; event?: string };
    return decision ?? event;
  } catch {
    return undefined;
  }
}

async function findDecision(
  decisions: readonly Decision[],
  { at }: Trial,
  id: string | undefined,
): Promise<Decision | undefined> {
  const source = at === "edge" ? "edge" : "origin";
  const deadline = Date.now() + LOG_DEADLINE_MILLISECONDS;
  while (id !== undefined && Date.now() < deadline) {
    const found = decisions.find(
      ({ source: from, line }) => from === source && (line["id"] === id || line["edgeDecision"] === id),
    );
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return undefined;
}

function judge(
  { sent, status, code, at }: Trial,
  answer: BufferedResponse,
  decision: Decision | undefined,
): TrialResult {
  const found = decision?.line["code"];
  const accepted = decision?.line.decision === "accepted";
  return {
    sent,
    expected: `${status}`,
    answer: `${answer.status}`,
    reason: accepted ? `accepted as ${decision.line["sender"]}` : String(found ?? "nothing in the log"),
    stoppedAt: accepted ? "- (in the inbox)" : (decision?.source ?? "?"),
    isExpected: answer.status === status && found === code && (at === "inbox" ? accepted : decision?.source === at),
  };
}

export function formatResults(results: readonly TrialResult[]): Shown[] {
  const headings = ["", "sent", "expected", "answer", "reason", "stopped at"].map(heading);
  const rows = results.map(({ isExpected, sent, expected, answer, reason, stoppedAt }) => [
    isExpected ? good("ok") : bad("NOT OK"),
    ...[sent, expected, answer, reason, stoppedAt],
  ]);
  return tabulate([headings, ...rows]);
}
