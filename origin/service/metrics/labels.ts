// Selects the parts of a log line that are counted and measured. Label values come from the policy, from our own tables, and from
// admitted certificates. They never come from the request of a stranger, who could make up any number of values.

import type { LogLine } from "../../../core/log-line.ts";
import type { Policy } from "../../../core/policy/policy.ts";

/** The labels under which a line of the log is counted. */
export type Count = Readonly<Record<"decision" | "code" | "route" | "sender", string>> & {
  /** Set only for a refusal that asks the sender to send the event again. */
  readonly keeps?: "true";
};

export const LABELS = ["decision", "code", "route", "sender", "keeps"] as const;
const namesByPolicy = new WeakMap<Policy, ReadonlySet<unknown>>();

/** Returns the labels of a line. If the policy does not name the route or the sender, the label is empty. */
export function toCount({ decision, code, route, sender, what, keeps }: LogLine, policy: Policy): Count {
  return {
    decision,
    code: String(decision === "noticed" ? what : (code ?? "")),
    route: nameOf(route, policy),
    sender: nameOf(sender, policy),
    ...(keeps === true && { keeps: "true" }),
  };
}

/**
 * Returns the text if it is the name of a sender or the path of a route. Otherwise returns an empty text, because a stranger may
 * have written it.
 */
export function nameOf(text: unknown, policy: Policy): string {
  const names =
    namesByPolicy.get(policy) ??
    new Set([...policy.routes.map(({ path }) => path), ...policy.senders.map(({ name }) => name)]);
  namesByPolicy.set(policy, names);
  return names.has(text) ? String(text) : "";
}

/** A measured duration. The label is the decision on a request, or the outcome of an attempt. */
export interface Duration {
  readonly of: "request" | "accept" | "attempt";
  readonly label: string;
  readonly seconds: number;
}

const REQUEST_DECISIONS: ReadonlySet<string> = new Set(["accepted", "challenge", "refused", "failed"]);
const ATTEMPT_DECISIONS: ReadonlySet<string> = new Set(["dispatched", "retrying", "dead"]);

/** Returns the duration in a line of the log. Undefined if the line has none. */
export function toDuration({ decision, milliseconds }: LogLine): Duration | undefined {
  const of = REQUEST_DECISIONS.has(decision) ? "request" : ATTEMPT_DECISIONS.has(decision) ? "attempt" : undefined;
  if (of === undefined || typeof milliseconds !== "number") return undefined;
  return { of, label: decision, seconds: milliseconds / 1000 };
}
