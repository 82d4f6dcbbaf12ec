// Recognises the log lines of refused requests, and keeps facts about these requests next to the events.

import { boundLine, type LogLine, stampLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { cut, escapeControls } from "../../core/shown-text.ts";
import { showTarget } from "../../core/url.ts";
import type { Inbox } from "../inbox/inbox.ts";
import { type RefusalHead, RefusalRecorder } from "../inbox/refusals/recorder.ts";
import type { RefusalLimits, RefusedFacts, RefusedRequest } from "../inbox/refusals/refusals.ts";
import { nameOf } from "./metrics/labels.ts";

type Log = (line: LogLine, refused?: RefusedFacts) => void;

export interface KeptRefusals {
  /** Returns a log function that passes each line to `log`, and also keeps refused requests. */
  logging(log: (line: LogLine) => void): Log;
  /** Writes the refusals that are not yet stored. Call it before the inbox is closed. */
  close(): Promise<void>;
}

interface Outlet {
  readonly inbox: Pick<Inbox, "refusals">;
  log(line: LogLine): void;
  countDropped(refusals: number): void;
}

/** Starts to keep refused requests in the inbox. `limits` is undefined if no refusals are kept. */
export function keepRefusals(limits: RefusalLimits | undefined, outlet: Outlet, policy: () => Policy): KeptRefusals {
  if (limits === undefined) return { logging: (log) => (line) => log(line), close: () => Promise.resolve() };
  const recorder = new RefusalRecorder({
    store: outlet.inbox.refusals,
    limits,
    log: (line) => outlet.log(line),
    onDropped: (count) => outlet.countDropped(count),
  });
  recorder.start();
  return {
    logging: (log) => (line, refused) => {
      log(line);
      const head = headOf(line, refused, policy(), Date.now());
      if (head !== undefined) recorder.add(head, () => describeRefused(head, line, refused));
    },
    close: () => recorder.close(),
  };
}

type Head = RefusalHead & Pick<RefusedRequest, "route">;

/**
 * Returns the time, code, route, sender and certificate of a refused request. Undefined if the line is not about a refused request.
 * `now` is in Unix milliseconds.
 */
export function headOf(line: LogLine, facts: RefusedFacts | undefined, policy: Policy, now: number): Head | undefined {
  if (!isRefused(line)) return undefined;
  const { route, code = line.decision } = line;
  const nearest = Object(line["nearMiss"]) as { readonly sender?: unknown };
  const sender = line["sender"] ?? facts?.likelySender ?? nearest.sender;
  // Route and sender are kept only if the policy names them. Otherwise a stranger could create new kinds of refusals.
  const { sha256 } = Object(line["certificate"]) as { readonly sha256?: string };
  return { at: now, code, route: nameOf(route, policy), sender: nameOf(sender, policy), presented: sha256 };
}

export function describeRefused(head: Head, line: LogLine, facts: RefusedFacts | undefined): RefusedRequest {
  const { id, peer, method, target } = line;
  const { at, code, route, sender } = head;
  return {
    ...{ at, code, route, sender },
    id: text(id) ?? "",
    peer: text(peer),
    method: text(method),
    target: text(facts?.url === undefined ? target : pathOf(facts.url)),
    line: boundLine(stampLine(line, head.at)),
    certificate: certificateOf(facts),
  };
}

/**
 * Returns true if the line is about a refused request. A line with the decision `failed` is about a request only if it has a
 * problem, because the problem is the response to the sender.
 */
function isRefused({ decision, problem }: LogLine): boolean {
  return decision === "refused" || decision === "handshake" || (decision === "failed" && typeof problem === "string");
}

/** Returns the path without the query, which may contain a token. */
function pathOf(url: string): string {
  return showTarget(url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, ""));
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? escapeControls(cut(value)) : undefined;
}

function certificateOf(facts: RefusedFacts | undefined): RefusedRequest["certificate"] {
  const { leaf, intermediates } = facts?.certificate ?? {};
  if (leaf === undefined) return undefined;
  return { sha256: leaf.sha256, der: leaf.base64, intermediates: (intermediates ?? []).map(({ base64 }) => base64) };
}
