// Dead letters: events that could not be delivered. They stay in the bucket until somebody looks at them. Each letter is the
// unchanged message of the queue, so that it can be sent again. Nothing here removes a letter that was not sent again.

import type { LogLine } from "../../core/log-line.ts";
import type { LogCode } from "../../core/log-words.ts";
import { MAX_DELIVERY_AGE_SECONDS } from "../../core/wire.ts";
import type { BodyBucket, EventQueue, QueueMessage, StoredObject } from "../bindings.ts";
import type { QueuedEvent } from "./message.ts";

type Log = (line: LogLine) => void;

/**
 * The largest number of dead letters that one run sends again. Each needs three calls to the platform. The next run sends the rest.
 */
const MAX_REDRIVEN = 500;
/**
 * One day. Records of delivery are kept for this time. It is long enough, because the queue delivers a message again within minutes
 * if an acknowledgement is lost.
 */
const DAY_SECONDS = 86_400;
/**
 * The largest number of keys that one call to the bucket accepts. A run may make only a limited number of calls, so one call
 * deletes many keys.
 */
const MAX_KEYS = 1000;
/** The limit of the reason that is stored with a dead letter. The bucket accepts 8 KiB of metadata. */
const MAX_REASON_CHARACTERS = 1024;

/** The reason why an attempt failed. It is logged, and stored with the dead letter. */
export type Failure = Readonly<Record<string, unknown>> & { readonly code: LogCode; readonly why: string };

/**
 * Stores a message in the bucket and returns the key of the letter: `dead/EVENT/MESSAGE`, or `dead/unread/MESSAGE` if the event
 * cannot be read from the message. If a letter is sent again and fails again, the new message has a new id. So the new letter has a
 * different key, and `redrive()` removes only the letter that it sent.
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

/** The cron trigger's task for the queue. Never throws: a failure is logged, and the next run tries again. */
export async function maintainQueue(queue: EventQueue, now: number, log: Log): Promise<void> {
  // Orphans are bodies that no message needs. They are removed before letters are sent again. After a letter is sent again, nothing
  // in the bucket shows that the body of the letter is still needed.
  const steps = { removeOrphans, redrive, logDeadLetters };
  for (const [step, run] of Object.entries(steps)) {
    try {
      await run(queue, log, now);
    } catch (error) {
      log({ decision: "failed", code: "queue_maintenance", step, why: String(error) });
    }
  }
}

/**
 * Sends dead letters again if the bucket has an object `redrive/EVENT`, `redrive/unread` or `redrive/all`, with any content. The
 * object is removed when all letters that it names are sent.
 */
async function redrive(queue: EventQueue, log: Log): Promise<void> {
  const { bodies } = queue;
  let budget = MAX_REDRIVEN;
  for await (const wish of listAll(bodies, "redrive/")) {
    // Searches for one letter more than the budget, to know whether some letters must wait for the next run.
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

/**
 * Finds the dead letters that a `redrive/` object names. Leaves out letters that are newer than the object. Otherwise a letter that
 * fails again and again would be sent forever.
 */
async function findLetters(wish: StoredObject, limit: number, bodies: BodyBucket): Promise<StoredObject[]> {
  const name = wish.key.slice("redrive/".length);
  const letters: StoredObject[] = [];
  for await (const letter of listAll(bodies, name === "all" ? "dead/" : `dead/${name}/`)) {
    if (letter.uploaded <= wish.uploaded) letters.push(letter);
    if (letters.length === limit) break;
  }
  return letters;
}

/** Sends the letter first and deletes it afterwards, because sending a letter twice is better than losing it. */
async function resend(key: string, { events, bodies }: EventQueue): Promise<void> {
  const text = await bodies.get(key).then((object) => object?.text());
  if (text === undefined) return;
  await events.send(text, { contentType: "text" });
  await bodies.delete(key);
}

/**
 * Removes old records of delivery, and old bodies that no message needs. If the program crashes after an event was delivered or
 * refused, the body of the event stays in the bucket.
 */
async function removeOrphans({ bodies }: EventQueue, log: Log, now: number): Promise<void> {
  await remove(await listOlder(bodies, "delivered/", now - DAY_SECONDS), bodies);
  const needed = new Set<string | undefined>();
  for await (const { key } of listAll(bodies, "dead/")) needed.add(key.split("/")[1]);
  // As long as there is a letter that cannot be read, no body is removed, because nobody knows which body the letter needs.
  if (needed.has("unread")) return;
  const old = await listOlder(bodies, "body/", now - MAX_DELIVERY_AGE_SECONDS - DAY_SECONDS);
  const orphans = old.filter((key) => !needed.has(key.split("/")[1]));
  await remove(orphans, bodies);
  if (orphans.length > 0) log({ decision: "removed", bodies: orphans.length });
}

/** Returns the keys of objects that were stored before `before` (Unix seconds). */
async function listOlder(bodies: BodyBucket, prefix: string, before: number): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key, uploaded } of listAll(bodies, prefix)) if (uploaded.getTime() < before * 1000) keys.push(key);
  return keys;
}

async function remove(keys: readonly string[], bodies: BodyBucket): Promise<void> {
  for (let first = 0; first < keys.length; first += MAX_KEYS) await bodies.delete(keys.slice(first, first + MAX_KEYS));
}

/** If there are dead letters, logs their number and the time of the oldest. */
async function logDeadLetters({ bodies }: EventQueue, log: Log): Promise<void> {
  let count = 0;
  let oldest = Infinity;
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
