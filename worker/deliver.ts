// The consumer of the queue: each event is signed anew and brought to the origin, until the origin takes it.
// At least once: an event is delivered twice, under one `txn`, when this ends between the origin's answer and the queue's.

import { issueAssertion } from "../core/assertion.ts";
import type { LogLine } from "../core/decision.ts";
import { type Refusal, toRefusal } from "../core/refusal.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../core/wire.ts";
import { bury, type Failure } from "./dead-letters.ts";
import { DEFAULT_RETRY_SECONDS, type Edge, type RetrySeconds } from "./edge.ts";
import { forward } from "./forward.ts";
import type { BodyBucket, EventQueue, QueueBatch, QueueMessage } from "./queue-bindings.ts";
import { DeliveryError, parseQueuedEvent, type QueuedEvent, removeBody, restoreQueuedEvent } from "./queued-event.ts";

/** Messages that are delivered at the same time: of six connections that may wait for an answer, the bucket needs some. */
const LANES = 4;
/** Two days before a queue drops what it holds: attempts may be slower than their delays, behind many others. */
const MAX_QUEUED_SECONDS = 12 * 86_400;
/** Any other queue holds dead letters: if a wrong name took those for events, the platform would drop them at last. */
const EVENTS_QUEUE = /-events$/;

/** What the entry point alone may read and do: see Ambient. */
export interface DeliveryScope {
  readonly clock: () => number;
  readonly newAssertionId: () => string;
  readonly log: (line: LogLine) => void;
  /** From 0 up to 1. */
  readonly random: () => number;
}

/** Delivers the messages of a batch, each by itself. Never throws: a message is acknowledged, or comes again. */
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
 * What becomes of a batch where nothing can be delivered, for as long as such a fault may last: each comes again as if it had failed by
 * itself. What the platform would drop in the end is kept in the bucket, if there is one.
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
  /** Settles when those are settled whose bodies are in the bucket: one after the other, beside the lanes. */
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
      // The isolate has 128 MB, and a body in the bucket may have 50. No lane waits for it.
      if (event.body === undefined) this.largeOnes = this.largeOnes.then(() => this.#bring(event, message));
      else await this.#bring(event, message);
    } catch (error) {
      return this.#postpone(error, undefined, message);
    }
  }

  async #bring(event: QueuedEvent, message: QueueMessage): Promise<void> {
    try {
      await this.#attempt(event, message);
      // In this order: a body without its event is removed by age, an event without its body is lost.
      message.ack();
    } catch (error) {
      return this.#postpone(error, event, message);
    }
    if (event.body === undefined) await removeBody(event, this.#queue.bodies, this.#edge.keys).catch(() => undefined);
  }

  async #attempt(event: QueuedEvent, message: QueueMessage): Promise<void> {
    const { clock, log } = this.#scope;
    if (clock() - event.receivedAt > MAX_DELIVERY_AGE_SECONDS) {
      throw new DeliveryError("undeliverable", "received so long ago that no origin accepts it");
    }
    // Why a message is a dead letter, the platform does not say. One more attempt finds out, unless attempts are what crashes.
    if (this.#isForDeadLetters && message.attempts > 1) {
      throw new DeliveryError(
        "attempt_crashed",
        "the last attempt left no verdict: it crashed, or the bucket did not take the letter",
      );
    }
    const status = await this.#deliver(event);
    const about = describeAttempt(message, event);
    if (status === undefined) return log({ decision: "duplicate", ...about });
    if (status < 200 || status > 299) throw new DeliveryError("origin_answer", `the origin answered with ${status}`);
    log({ decision: "forwarded", ...about, status });
  }

  /** The status of the origin's answer; undefined when the origin had the event before. */
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
    // Taken is taken, however the rest of the answer ends.
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

/** Doubles from the first delay to the longest, a quarter more or less, so that what failed together comes again apart. */
export function backOff(attempts: number, [first, longest]: RetrySeconds, random: number): number {
  return Math.ceil(Math.min(first * 2 ** (attempts - 1), longest) * (0.75 + random / 2));
}
