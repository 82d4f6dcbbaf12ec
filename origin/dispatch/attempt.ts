// Makes one attempt: restores the delivery from the stored event, calls the handler, and judges the result. Stores nothing.

import { type Delivery, digestBody, restoreDelivery } from "../../core/delivery/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import { readStream } from "../../core/request/read-body.ts";
import type { Lease, StoredEvent } from "../inbox/inbox.ts";
import type { Handler } from "./handler.ts";
import { type AttemptOutcome, judgeError, judgeResponse } from "./judge.ts";
import { ABORT_GRACE_MILLISECONDS, DISCARD_MILLISECONDS, MAX_ANSWER_BYTES, MAX_DISCARDED_BYTES } from "./limits.ts";

/** A handler's response. `body` is undefined if the body is too large or incomplete. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

export interface AttemptEnd {
  readonly verdict: AttemptOutcome;
  /** The handler's response, if there is one and `isReplyWanted` is set. */
  readonly answer: Reply | undefined;
  /** The way in which the attempt ended: by itself, at its deadline, or by `interrupt`. */
  readonly ending: "finished" | "deadline" | "interrupted";
}

export interface AttemptOptions {
  readonly handler: Handler;
  readonly deadlineMilliseconds: number;
  readonly maxAttempts: number;
  /** This signal is aborted when the origin stops or the lease is lost. The attempt ends when the signal is aborted. */
  readonly interrupt: AbortSignal;
  /** True if the body of the response is needed. */
  readonly isReplyWanted: boolean;
  /** Returns Unix milliseconds. */
  readonly clock: () => number;
}

/**
 * The limit of started attempts, as a multiple of `maxAttempts`. `maxAttempts` is checked only when an attempt has an outcome, and
 * an attempt that crashes the process has none. Without this limit, an event that crashes the process would be attempted for ever.
 */
const MAX_BEGUN = 2;

/** Attempts an event once. Never throws, because every fault becomes a verdict. */
export async function attemptOnce({ event, attempt }: Lease, options: AttemptOptions): Promise<AttemptEnd> {
  const { handler, deadlineMilliseconds, maxAttempts, interrupt, clock } = options;
  if (attempt > MAX_BEGUN * maxAttempts) {
    const reason = `${attempt - 1} attempts were started, and the last left no outcome: the event may be what ends the process`;
    return endWith({ outcome: "dead", reason });
  }
  const delivery = restore(event);
  if (typeof delivery === "string") return endWith({ outcome: "dead", reason: delivery });

  if (interrupt.aborted) return endWith(judgeError(interrupt.reason), "interrupted");
  // `AbortSignal.any` is not used, because a signal that it makes is never freed once a handler has added a listener.
  const end = new AbortController();
  const { signal } = end;
  const onInterrupt = () => end.abort(interrupt.reason);
  interrupt.addEventListener("abort", onInterrupt, { once: true });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end.abort(new DOMException("deadline", "TimeoutError"));
  }, deadlineMilliseconds);
  const { id, acceptedAt } = event;
  const work = async () => {
    const result = await handler(delivery, { id, attempt, acceptedAt, signal });
    if (!isResponse(result)) return endWith({ outcome: "done" });
    const verdict = judgeResponse(result, clock());
    if (options.isReplyWanted) return endWith(verdict, "finished", await readReply(result));
    if (!(await discardBody(result))) end.abort();
    return endWith(verdict);
  };
  try {
    return await Promise.race([work(), afterAbort(signal)]);
  } catch (error) {
    if (interrupt.aborted) return endWith(judgeError(interrupt.reason), "interrupted");
    if (!isLate) return endWith(judgeError(error));
    const reason = `no answer within ${deadlineMilliseconds / 1000} s`;
    return endWith({ outcome: "retry", reason, notBefore: undefined }, "deadline");
  } finally {
    clearTimeout(timer);
    interrupt.removeEventListener("abort", onInterrupt);
  }
}

/** Returns true for a Response of any class, because another implementation of `fetch` has a Response class of its own. */
function isResponse(result: unknown): result is Response {
  return result instanceof Response || Object.prototype.toString.call(result) === "[object Response]";
}

function endWith(verdict: AttemptOutcome, ending: AttemptEnd["ending"] = "finished", answer?: Reply): AttemptEnd {
  return { verdict, answer, ending };
}

/** Returns the delivery, or the reason why it cannot be restored. */
function restore(event: StoredEvent): Delivery | string {
  const { id, sender, request, headers, body, contentDigest, factors, reliedOnEdge, policyDigest } = event;
  if (body === undefined) return "its body was erased";
  // If the bytes of the certificate were deleted, the event has only the facts about it. The bytes are left empty in this case.
  const certificate = event.certificate && { der: "", intermediates: [], ...event.certificate };
  const record = { id, sender, certificate, request, headers, contentDigest, factors, reliedOnEdge, policyDigest };
  try {
    return restoreDelivery(record, digestBody(body), event);
  } catch (error) {
    return error instanceof Refusal
      ? "its stored body does not match its digest: the store is damaged"
      : "it cannot be restored";
  }
}

/** Rejects a short time after the signal is aborted, so that a handler that obeys the signal can end by itself. */
function afterAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const rejectSoon = () => setTimeout(() => reject(signal.reason), ABORT_GRACE_MILLISECONDS);
    if (signal.aborted) rejectSoon();
    else signal.addEventListener("abort", rejectSoon, { once: true });
  });
}

async function readReply(response: Response): Promise<Reply> {
  const { status, headers } = response;
  return { status, headers, body: await readBounded(response, MAX_ANSWER_BYTES) };
}

async function readBounded({ body }: Response, maxBytes: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return body === null ? new Uint8Array() : await readStream(body, maxBytes);
  } catch {
    return undefined;
  }
}

/** Reads a short body to its end, so that the connection can be used again. Returns false if the reading takes too long. */
async function discardBody(response: Response): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, DISCARD_MILLISECONDS, false);
  });
  const read = readBounded(response, MAX_DISCARDED_BYTES).then(() => true);
  return await Promise.race([read, late]).finally(() => clearTimeout(timer));
}
