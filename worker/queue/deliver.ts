// The consumer of the queue. It signs each event when it delivers it, and tries again until the origin accepts the event. Delivery
// is at least once. If this program ends after the origin's response and before the acknowledgement, the event is delivered twice,
// with the same `txn`.

import { issueAssertion } from "../../core/assertion/assertion.ts";
import type { LogLine } from "../../core/log-line.ts";
import { type Refusal, toRefusal } from "../../core/refusal.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../../core/wire.ts";
import type { BodyBucket, EventQueue, QueueBatch, QueueMessage } from "../bindings.ts";
import { DEFAULT_RETRY_SECONDS, type Edge, type RetrySeconds } from "../configuration.ts";
import { forward } from "../forward.ts";
import { bury, type Failure } from "./dead-letters.ts";
import { DeliveryError, parseQueuedEvent, type QueuedEvent, removeBody, restoreQueuedEvent } from "./message.ts";

/**
 * The number of messages that are delivered at the same time. In a Worker, at most six connections may wait for a response, and the
 * bucket needs some of them.
 */
const LANES = 4;
/**
 * A message that is older than this becomes a dead letter. A queue keeps messages for 14 days. The margin of two days is needed,
 * because attempts are late if many messages wait.
 */
const MAX_QUEUED_SECONDS = 12 * 86_400;
/**
 * Matches the name of a queue with events. Every other queue counts as a queue with dead letters. That is safer if a name is wrong:
 * if dead letters counted as events, the platform would drop them after the last retry.
 */
export const EVENTS_QUEUE = /-events$/;

/** The clock, new ids, the log and random numbers. The entry point passes them in. */
export interface DeliveryScope {
  readonly clock: () => number;
  readonly newAssertionId: () => string;
  readonly log: (line: LogLine) => void;
  /** Returns a number with 0 ≤ number < 1. */
  readonly random: () => number;
}

/** Delivers the messages of a batch independently of each other. Never throws: each message is acknowledged or retried. */
export function deliverBatch(batch: QueueBatch, edge: Edge, queue: EventQueue, scope: DeliveryScope): Promise<unknown> {
  const consumer = new Consumer(edge, queue, scope, !EVENTS_QUEUE.test(batch.queue));
  const waiting = [...batch.messages];
  const lane = async () => {
    for (let message = waiting.shift(); message !== undefined; message = waiting.shift()) {
      await consumer.settle(message);
    }
  };
  return Promise.all(Array.from({ length: LANES }, lane)).then(() => consumer.largeOnes);
}

/**
 * Handles a batch if nothing can be delivered, for example because the configuration is faulty. Every message is retried, with the
 * default delay for its number of attempts. But a batch of dead letters is stored in the bucket, if the bucket is bound, because
 * the platform would drop the dead letters after the last retry.
 */
export async function postponeBatch(
  { queue, messages }: QueueBatch,
  bodies: BodyBucket | undefined,
  refusal: Refusal,
  random: DeliveryScope["random"],
): Promise<void> {
  for (const message of messages) {
    try {
      if (bodies === undefined || EVENTS_QUEUE.test(queue)) throw refusal;
      await bury({ message, event: undefined, failure: describeFailure(refusal) }, bodies);
      message.ack();
    } catch {
      message.retry({ delaySeconds: backOff(message.attempts, DEFAULT_RETRY_SECONDS, random()) });
    }
  }
}

class Consumer {
  readonly #edge: Edge;
  readonly #queue: EventQueue;
  readonly #scope: DeliveryScope;
  readonly #isForDeadLetters: boolean;
  /**
   * Resolves when all messages whose bodies are in the bucket are settled. They are handled one after another, in parallel with the
   * lanes, which deliver the other messages.
   */
  largeOnes: Promise<void> = Promise.resolve();

  constructor(edge: Edge, queue: EventQueue, scope: DeliveryScope, isForDeadLetters: boolean) {
    this.#edge = edge;
    this.#queue = queue;
    this.#scope = scope;
    this.#isForDeadLetters = isForDeadLetters;
  }

  async settle(message: QueueMessage): Promise<void> {
    try {
      const event = await parseQueuedEvent(message.body, this.#edge);
      // The isolate has 128 MB, and a body in the bucket may have 50 MB. So events whose bodies are in the bucket are handled one
      // at a time, outside the lanes.
      if (event.body === undefined) this.largeOnes = this.largeOnes.then(() => this.#attemptAndSettle(event, message));
      else await this.#attemptAndSettle(event, message);
    } catch (error) {
      return this.#postpone(error, undefined, message);
    }
  }

  async #attemptAndSettle(event: QueuedEvent, message: QueueMessage): Promise<void> {
    try {
      await this.#attempt(event, message);
      // The message is acknowledged before its body is removed. A body without a message is removed later by its age, but an event
      // without its body would be lost.
      message.ack();
    } catch (error) {
      return this.#postpone(error, event, message);
    }
    if (event.body === undefined) await removeBody(event, this.#queue.bodies, this.#edge.keys).catch(() => undefined);
  }

  async #attempt(event: QueuedEvent, message: QueueMessage): Promise<void> {
    const { clock, log } = this.#scope;
    if (clock() - event.receivedAt > MAX_DELIVERY_AGE_SECONDS) {
      throw new DeliveryError("undeliverable", "too old for any origin to accept");
    }
    // The platform does not say why a message is a dead letter, so one more attempt finds the reason. If the message arrives a
    // second time, that attempt has crashed.
    if (this.#isForDeadLetters && message.attempts > 1) {
      throw new DeliveryError("attempt_crashed", "the last attempt had no result");
    }
    const status = await this.#deliver(event);
    const about = describeAttempt(message, event);
    if (status === undefined) return log({ decision: "duplicate", ...about });
    if (status < 200 || status > 299) throw new DeliveryError("origin_answer", `the origin answered with ${status}`);
    log({ decision: "forwarded", ...about, status });
  }

  /** Returns the status of the origin's response, or undefined if the event was delivered before. */
  async #deliver(event: QueuedEvent): Promise<number | undefined> {
    const { keys, issuer, audience } = this.#edge;
    const { clock, newAssertionId } = this.#scope;
    const delivery = await restoreQueuedEvent(event, this.#queue.bodies, keys);
    if (delivery === undefined) return undefined;
    const { receivedAt } = event;
    const assertion = await issueAssertion(delivery, keys, {
      issuer,
      audience,
      jti: newAssertionId(),
      now: clock(),
      receivedAt,
    });
    const response = await forward(delivery, assertion, this.#edge);
    // Only the status decides, so the body of the response is not read.
    await response.body?.cancel().catch(() => undefined);
    return response.status;
  }

  async #postpone(error: unknown, event: QueuedEvent | undefined, message: QueueMessage): Promise<void> {
    const { clock, random, log } = this.#scope;
    const about = describeAttempt(message, event);
    let failure = describeFailure(error);
    const isOld = clock() - message.timestamp.getTime() / 1000 > MAX_QUEUED_SECONDS;
    if (this.#isForDeadLetters || isOld || failure.code === "undeliverable") {
      try {
        const key = await bury({ message, event, failure }, this.#queue.bodies);
        log({ decision: "dead-letter", ...about, ...failure, key });
        return message.ack();
      } catch (fault) {
        failure = describeFailure(fault);
      }
    }
    const delaySeconds = backOff(message.attempts, this.#edge.retrySeconds, random());
    log({ decision: "failed", ...about, ...failure, retryInSeconds: delaySeconds });
    message.retry({ delaySeconds });
  }
}

function describeFailure(error: unknown): Failure {
  if (error instanceof DeliveryError) return { code: error.code, why: error.message };
  const { code, message, details } = toRefusal(error);
  return { ...details, code, why: message };
}

function describeAttempt({ id, attempts }: QueueMessage, event: QueuedEvent | undefined) {
  if (event === undefined) return { message: id, attempt: attempts };
  return { id: event.delivery.id, sender: event.delivery.sender, attempt: attempts };
}

/**
 * Returns the delay in seconds before the next attempt. It doubles from the first delay to the longest. A random part of up to a
 * quarter is added or subtracted, so that messages that failed together are not retried together.
 */
export function backOff(attempts: number, [first, longest]: RetrySeconds, random: number): number {
  return Math.ceil(Math.min(first * 2 ** (attempts - 1), longest) * (0.75 + random / 2));
}
