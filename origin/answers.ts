// What a sender is answered once its event is accepted: 202, or, on routes whose policy says so, what the handler answers.
// Then the event is leased by its acceptance, and the answer goes out when its outcome is stored.

import { parseProblemType } from "../core/decision.ts";
import type { Delivery } from "../core/delivery.ts";
import { type Policy, selectRoute } from "../core/policy.ts";
import { RETRY_AFTER_SECONDS } from "../core/wire.ts";
import type { AcceptDelivery } from "./authenticate-options.ts";
import type { Answer } from "./dispatch/attempt.ts";
import type { AnsweredAttempt, Dispatcher } from "./dispatch.ts";
import type { Inbox, Lease } from "./inbox.ts";

export interface AnswersOptions {
  /** Of now. */
  readonly policy: () => Policy;
  readonly inbox: Pick<Inbox, "accept" | "acceptLeased">;
  readonly dispatcher: Dispatcher;
}

export class Answers {
  readonly #options: AnswersOptions;
  /** Undefined for an event that waits for an earlier one of its order. */
  readonly #leases = new WeakMap<Delivery, Lease | undefined>();

  constructor(options: AnswersOptions) {
    this.#options = options;
  }

  /** Passed on as a function. A duplicate is answered by `authenticate`, on every route alike. */
  readonly accept: AcceptDelivery = async (delivery, assertion) => {
    const { policy, inbox, dispatcher } = this.#options;
    const { method, target } = delivery.request;
    const [path = ""] = target.split("?", 1);
    if (selectRoute(policy(), path, method).isAnsweredByHandler) {
      const accepted = await inbox.acceptLeased(delivery, assertion, dispatcher.leaseMilliseconds);
      if ("outcome" in accepted && accepted.outcome === "duplicate") return accepted;
      this.#leases.set(delivery, "lease" in accepted ? accepted.lease : undefined);
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
    const lease = this.#leases.get(delivery);
    if (lease === undefined) return formatFault(503, "An earlier event has to be handled first", id);
    return formatAnswer(await this.#options.dispatcher.answer(lease), id);
  }
}

/** The handler's answer as it is, or a fault of which the sender is told to come again. */
function formatAnswer({ outcome, isLate, answer }: AnsweredAttempt, id: string): Response {
  if (outcome === "unknown") return formatFault(503, "The event is stored, and not handled yet", id);
  if (answer !== undefined && isPassable(answer)) return relay(answer);
  if (outcome === "done" && answer === undefined) return Response.json({ event: id }, { status: 200 });
  if (isLate) return formatFault(504, "The event is stored; its handler did not answer in time", id);
  return formatFault(502, "The event is stored; its handler gave no answer that can be passed on", id);
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
function formatFault(status: 502 | 503 | 504, title: string, event: string): Response {
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
