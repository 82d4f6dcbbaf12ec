// Answers the sender of an accepted event with 202, or with the fixed answer of its route. On routes with `"answer": "handler"`,
// answers with the handler's response instead. On such a route, the event is leased as soon as it is stored, and the response is
// sent after the outcome is stored.

import { parseProblemType } from "../../core/decision/problem.ts";
import type { Delivery } from "../../core/delivery/delivery.ts";
import type { LogLine } from "../../core/log-line.ts";
import { RETRY_AFTER_SECONDS } from "../../core/wire.ts";
import type { AcceptDelivery } from "../accept.ts";
import { acknowledge, keptRoute } from "../acknowledgement.ts";
import type { Inbox, Lease } from "../inbox/inbox.ts";
import type { Reply } from "./attempt.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { FinishedAttempt } from "./running-attempts.ts";

export interface ReplyOptions {
  readonly inbox: Pick<Inbox, "accept" | "acceptLeased">;
  readonly dispatcher: Dispatcher;
  /** Receives a `failed` line for each stored event whose sender was told to retry. */
  readonly log: (line: LogLine) => void;
}

/**
 * The faults for which the sender of an accepted event does not get the handler's response. Each code has the status, the title of
 * the problem, and the explanation for the operator. These faults are not refusals, because the event will be handled, whatever the
 * sender does.
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
    "the handler threw, or its response cannot be passed on: it is a redirect, too large, cut off, of a status from 520 on, or one of Countersign's own problems",
  ],
} as const satisfies Record<string, readonly [status: number, title: string, why: string]>;

type ReplyFault = keyof typeof ANSWER_FAULTS;

export class HandlerReplies {
  readonly #options: ReplyOptions;
  /**
   * The leases of events on routes whose handler answers. A lease is undefined if its event has to wait for an earlier event of the
   * same order key.
   */
  readonly #leases = new WeakMap<Delivery, { readonly lease: Lease; readonly since: number } | undefined>();

  constructor(options: ReplyOptions) {
    this.#options = options;
  }

  /**
   * Stores an event. This is an arrow function, because callers pass on `accept` without its object. The answer to a duplicate is
   * made by `authenticate`, which calls `accept`.
   */
  readonly accept: AcceptDelivery = async (delivery, assertion) => {
    const { inbox, dispatcher } = this.#options;
    if (keptRoute(delivery).isAnsweredByHandler) {
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
    if (!this.#leases.has(delivery)) return acknowledge(keptRoute(delivery).acknowledgement, { event: id }, 202);
    const leased = this.#leases.get(delivery);
    if (leased === undefined) return this.#fail("order_waits", delivery);
    const attempt = await this.#options.dispatcher.answer(leased.lease, leased.since);
    const fault = findFault(attempt);
    if (fault !== undefined) return this.#fail(fault, delivery);
    return attempt.answer === undefined ? Response.json({ event: id }, { status: 200 }) : relay(attempt.answer);
  }

  #fail(code: ReplyFault, { id, sender }: Delivery): Response {
    const [status, , why] = ANSWER_FAULTS[code];
    this.#options.log({ decision: "failed", id, sender, code, status, why });
    return formatFault(code, id);
  }
}

/**
 * Returns why the sender cannot get the handler's response. Undefined if the sender can get it, or if the event is done without a
 * response.
 */
function findFault({ outcome, isLate, answer }: FinishedAttempt): ReplyFault | undefined {
  if (outcome === "unknown") return "outcome_unknown";
  if (answer === undefined ? outcome === "done" : isPassable(answer)) return undefined;
  return isLate ? "handler_late" : "answer_unusable";
}

/**
 * Returns true if a response may be passed on. Returns false for a redirect. Also returns false for a status of 520 or above,
 * because an edge would take it for an error of Cloudflare. Also returns false for a problem document of Countersign itself,
 * because an edge would take it for a refusal by this origin. An upstream that uses `authenticate` may send such a document.
 */
function isPassable({ status, headers, body }: Reply): boolean {
  if (body === undefined || status < 200 || (status >= 300 && status < 400) || status >= 520) return false;
  const isProblem = headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  return !isProblem || parseProblemType(new TextDecoder().decode(body)) === undefined;
}

/**
 * Passes on the status, the body, and the headers `content-type` and `retry-after`. All other headers are left out. An edge treats
 * the origin's response in the same way.
 */
function relay({ status, headers, body }: Reply): Response {
  const relayed = new Headers({ "cache-control": "no-store" });
  for (const name of ["content-type", "retry-after"]) {
    const value = headers.get(name);
    if (value !== null) relayed.set(name, value);
  }
  const isBodiless = status === 204 || status === 205;
  return new Response(isBodiless ? null : body, { status, headers: relayed });
}

/**
 * Returns an RFC 9457 problem of the type `about:blank`. An edge passes this problem on, because it is not one of Countersign's own
 * problems.
 */
function formatFault(code: ReplyFault, event: string): Response {
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
