// What a sender is answered once its event is accepted: 202, or, on routes whose policy says so, what the handler answers.
// Then the event is leased by its acceptance, and the answer goes out when its outcome is stored.

import { type LogLine, parseProblemType } from "../core/decision.ts";
import type { Delivery } from "../core/delivery.ts";
import { type Policy, selectRoute } from "../core/policy.ts";
import { RETRY_AFTER_SECONDS } from "../core/wire.ts";
import type { AcceptDelivery } from "./acceptance.ts";
import type { Answer } from "./dispatch/attempt.ts";
import type { AnsweredAttempt, Dispatcher } from "./dispatch.ts";
import type { Inbox, Lease } from "./inbox.ts";

export interface AnswersOptions {
  /** Of now. */
  readonly policy: () => Policy;
  readonly inbox: Pick<Inbox, "accept" | "acceptLeased">;
  readonly dispatcher: Dispatcher;
  /** Receives a line `failed` for each event that is stored, and whose sender was told to come again. */
  readonly log: (line: LogLine) => void;
}

/**
 * The event is accepted, and its sender gets no answer of the handler: by code the status, the problem's title, and the
 * explanation for the operator. No refusals: whatever the sender does, the event will be handled.
 */
export const ANSWER_FAULTS = {
  order_waits: [
    503,
    "An earlier event has to be handled first",
    "an earlier event of the same orderKey is not done yet",
  ],
  outcome_unknown: [
    503,
    "The event is stored, and not handled yet",
    "the origin stops, or the outcome could not be stored: the event will be attempted again",
  ],
  handler_late: [504, "The event is stored; its handler did not answer in time", "the handler did not answer in time"],
  answer_unusable: [
    502,
    "The event is stored; its handler gave no answer that can be passed on",
    "the handler threw, or its answer is a redirect, too large, broken off, of a status from 520 on, or a problem of ours",
  ],
} as const satisfies Record<string, readonly [status: number, title: string, why: string]>;

type AnswerFault = keyof typeof ANSWER_FAULTS;

export class Answers {
  readonly #options: AnswersOptions;
  /** Undefined for an event that waits for an earlier one of its order. */
  readonly #leases = new WeakMap<Delivery, { readonly lease: Lease; readonly since: number } | undefined>();

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Passed on as a function. A duplicate is answered by `authenticate`, on every route alike. */
  readonly accept: AcceptDelivery = async (delivery, assertion) => {
    const { policy, inbox, dispatcher } = this.#options;
    const { method, target } = delivery.request;
    const [path = ""] = target.split("?", 1);
    if (selectRoute(policy(), path, method).isAnsweredByHandler) {
      const since = performance.now();
      const accepted = await inbox.acceptLeased(delivery, assertion, dispatcher.leaseMilliseconds);
      if ("outcome" in accepted && accepted.outcome === "duplicate") return accepted;
      this.#leases.set(delivery, "lease" in accepted ? { lease: accepted.lease, since } : undefined);
      return "lease" in accepted ? { outcome: "stored" } : accepted;
    }
    const acceptance = await inbox.accept(delivery, assertion);
    dispatcher.wake();
    return acceptance;
  };

  /** Answers the sender of a delivery that `accept` has stored. */
  async answer(delivery: Delivery): Promise<Response> {
    const { id } = delivery;
    if (!this.#leases.has(delivery)) return Response.json({ event: id }, { status: 202 });
    const leased = this.#leases.get(delivery);
    if (leased === undefined) return this.#fail("order_waits", delivery);
    const attempt = await this.#options.dispatcher.answer(leased.lease, leased.since);
    const fault = findFault(attempt);
    if (fault !== undefined) return this.#fail(fault, delivery);
    return attempt.answer === undefined ? Response.json({ event: id }, { status: 200 }) : relay(attempt.answer);
  }

  #fail(code: AnswerFault, { id, sender }: Delivery): Response {
    const [status, , why] = ANSWER_FAULTS[code];
    this.#options.log({ decision: "failed", id, sender, code, status, why });
    return formatFault(code, id);
  }
}

/** Why the sender cannot have the handler's answer; undefined when it can, or when the handler is done without one. */
function findFault({ outcome, isLate, answer }: AnsweredAttempt): AnswerFault | undefined {
  if (outcome === "unknown") return "outcome_unknown";
  if (answer === undefined ? outcome === "done" : isPassable(answer)) return undefined;
  return isLate ? "handler_late" : "answer_unusable";
}

/**
 * A redirect is never passed on, nor what an edge would take for Cloudflare's own fault (520 to 530) or for a refusal of ours,
 * which an upstream that uses `authenticate` answers.
 */
function isPassable({ status, headers, body }: Answer): boolean {
  if (body === undefined || status < 200 || (status >= 300 && status < 400) || status >= 520) return false;
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  return !isProblem || parseProblemType(new TextDecoder().decode(body)) === undefined;
}

/** Status, body and the headers that describe it: the edge passes on no others. */
function relay({ status, headers, body }: Answer): Response {
  const relayed = new Headers({ "cache-control": "no-store" });
  for (const name of ["content-type", "retry-after"]) {
    const value = headers.get(name);
    if (value !== null) relayed.set(name, value);
  }
  const isBodiless = status === 204 || status === 205;
  return new Response(isBodiless ? null : body, { status, headers: relayed });
}

/** RFC 9457, of the type `about:blank`: no problem of ours, so that an edge passes it on. */
function formatFault(code: AnswerFault, event: string): Response {
  const [status, title] = ANSWER_FAULTS[code];
  return Response.json(
    { title, status, event },
    {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        "retry-after": String(RETRY_AFTER_SECONDS),
      },
    },
  );
}
