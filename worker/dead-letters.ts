// Dead letters: events that could not be delivered, kept in the bucket until somebody looks. Each is the queue's message as it
// was, so that it can be sent again. Nothing here removes one that was not.

import type { LogLine } from "../core/decision.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../core/wire.ts";
import type { BodyBucket, EventQueue, QueueMessage, StoredObject } from "./queue-bindings.ts";
import type { QueuedEvent } from "./queued-event.ts";

type Log = (line: LogLine) => void;

/** Dead letters that one run sends again, with three calls each: the rest waits for the next. */
const MAX_REDRIVEN = 500;
/** A message whose acknowledgement was lost comes again within minutes. */
const DAY_SECONDS = 86_400;
/** Of what is written beside a dead letter; the bucket takes 8 KiB. */
const MAX_REASON_CHARACTERS = 1024;

/** Why an attempt failed, for the log and beside the dead letter. */
export type Failure = Readonly<Record<string, unknown>> & { readonly code: string; readonly why: string };

/**
 * Keeps a message in the bucket, and returns its key: `dead/EVENT/MESSAGE`, or `dead/unread/MESSAGE` where the message does not
 * tell its event. A message that is sent again gets another id, so that redrive() removes none but what it sent.
 */
export async function bury(
  letter: { readonly message: QueueMessage; readonly event: QueuedEvent | undefined; readonly failure: Failure },
  bodies: BodyBucket,
): Promise<string> {
  const { message, event, failure } = letter;
  const text = typeof message.body === "string" ? message.body : String(JSON.stringify(message.body));
  const key = `dead/${event?.delivery.id ?? "unread"}/${message.id}`;
  const reason = JSON.stringify(failure).slice(0, MAX_REASON_CHARACTERS);
  await bodies.put(key, text, { customMetadata: { reason, sender: event?.delivery.sender ?? "" } });
  return key;
}

/** What the cron trigger runs for the queue. Never throws: what fails is logged, and done by the next run. */
export async function maintainQueue(queue: EventQueue, now: number, log: Log): Promise<void> {
  const steps = { redrive, removeOrphans, tellDeadLetters };
  for (const [step, run] of Object.entries(steps)) {
    try {
      await run(queue, log, now);
    } catch (error) {
      log({ decision: "failed", code: "queue_maintenance", step, why: String(error) });
    }
  }
}

/**
 * Sends again what is asked for by objects `redrive/EVENT`, `redrive/unread` and `redrive/all`, whatever they hold. A wish
 * stays until all of it is sent.
 */
async function redrive(queue: EventQueue, log: Log): Promise<void> {
  const { bodies } = queue;
  let budget = MAX_REDRIVEN;
  for await (const wish of listAll(bodies, "redrive/")) {
    // One more than may be sent tells whether this is all.
    const letters = await findLetters(wish, budget + 1, bodies);
    if (letters.length === 0) log({ decision: "failed", code: "no_dead_letter", redrive: wish.key });
    let isDone = letters.length <= budget;
    for (const { key } of letters.slice(0, budget)) {
      try {
        await resend(key, queue);
        log({ decision: "queued", id: key.split("/")[1], redriven: key });
      } catch (error) {
        isDone = false;
        log({ decision: "failed", code: "queue_unavailable", redriven: key, why: String(error) });
      }
    }
    budget -= letters.length;
    if (isDone) await bodies.delete(wish.key);
    if (budget <= 0) return;
  }
}

/** Without those that became dead letters after the wish: none goes round and round. */
async function findLetters(wish: StoredObject, limit: number, bodies: BodyBucket): Promise<StoredObject[]> {
  const name = wish.key.slice("redrive/".length);
  const letters: StoredObject[] = [];
  for await (const letter of listAll(bodies, name === "all" ? "dead/" : `dead/${name}/`)) {
    if (letter.uploaded <= wish.uploaded) letters.push(letter);
    if (letters.length === limit) break;
  }
  return letters;
}

/** In this order: sent twice is better than lost. */
async function resend(key: string, { events, bodies }: EventQueue): Promise<void> {
  const text = await bodies.get(key).then((object) => object?.text());
  if (text === undefined) return;
  await events.send(text, { contentType: "text" });
  await bodies.delete(key);
}

/** Removes bodies that nobody will ask for, of events that were delivered or refused when something crashed; and words of delivery. */
async function removeOrphans({ bodies }: EventQueue, log: Log, now: number): Promise<void> {
  const orphans: string[] = [];
  const isOlder = ({ uploaded }: StoredObject, seconds: number) => now - uploaded.getTime() / 1000 > seconds;
  for await (const word of listAll(bodies, "delivered/")) {
    if (isOlder(word, DAY_SECONDS)) await bodies.delete(word.key);
  }
  // Of what cannot be read nobody knows which body it needs.
  const unread = await bodies.list({ prefix: "dead/unread/", limit: 1 });
  if (unread.objects.length > 0) return;
  for await (const body of listAll(bodies, "body/")) {
    if (!isOlder(body, MAX_DELIVERY_AGE_SECONDS + DAY_SECONDS)) continue;
    const { key } = body;
    const letters = await bodies.list({ prefix: `dead/${key.slice("body/".length)}/`, limit: 1 });
    if (letters.objects.length === 0) orphans.push(key);
  }
  for (const key of orphans) await bodies.delete(key);
  if (orphans.length > 0) log({ decision: "removed", bodies: orphans.length });
}

/** One line as long as there are any: how many, and since when. */
async function tellDeadLetters({ bodies }: EventQueue, log: Log): Promise<void> {
  let count = 0;
  let oldest = Number.POSITIVE_INFINITY;
  for await (const { uploaded } of listAll(bodies, "dead/")) {
    count += 1;
    oldest = Math.min(oldest, uploaded.getTime());
  }
  if (count > 0) log({ decision: "dead-letters", count, oldest: new Date(oldest).toISOString() });
}

async function* listAll(bodies: BodyBucket, prefix: string): AsyncGenerator<StoredObject> {
  let cursor: string | undefined;
  do {
    const page = await bodies.list({ prefix, ...(cursor !== undefined && { cursor }) });
    yield* page.objects;
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined);
}
