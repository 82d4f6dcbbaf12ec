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
/** Of one call to the bucket; a run has a limit of calls. */
const MAX_KEYS = 1000;
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
  // Orphans first: of a letter that is sent again the body stays.
  const steps = { removeOrphans, redrive, tellDeadLetters };
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
  await remove(await listOlder(bodies, "delivered/", now - DAY_SECONDS), bodies);
  const needed = new Set<string | undefined>();
  for await (const { key } of listAll(bodies, "dead/")) needed.add(key.split("/")[1]);
  // Of what cannot be read nobody knows which body it needs.
  if (needed.has("unread")) return;
  const old = await listOlder(bodies, "body/", now - MAX_DELIVERY_AGE_SECONDS - DAY_SECONDS);
  const orphans = old.filter((key) => !needed.has(key.split("/")[1]));
  await remove(orphans, bodies);
  if (orphans.length > 0) log({ decision: "removed", bodies: orphans.length });
}

/** Keys of what is there since before `before`, in Unix seconds. */
async function listOlder(bodies: BodyBucket, prefix: string, before: number): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key, uploaded } of listAll(bodies, prefix)) if (uploaded.getTime() < before * 1000) keys.push(key);
  return keys;
}

async function remove(keys: readonly string[], bodies: BodyBucket): Promise<void> {
  for (let first = 0; first < keys.length; first += MAX_KEYS) await bodies.delete(keys.slice(first, first + MAX_KEYS));
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
