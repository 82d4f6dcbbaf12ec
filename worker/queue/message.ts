// The message of one queued event. It contains everything for the delivery, except a large body, in one text that only this edge
// can write.

import type { SigningKeys } from "../../core/assertion/keys.ts";
import { openSealedText, sealText } from "../../core/assertion/seal.ts";
import {
  type Delivery,
  type DeliveryRecord,
  digestBody,
  recordDelivery,
  restoreDelivery,
} from "../../core/delivery/delivery.ts";
import { LARGEST_MAX_BODY_BYTES } from "../../core/wire.ts";
import type { BodyBucket } from "../bindings.ts";
import type { Edge } from "../configuration.ts";

/**
 * The members of an edge that are needed to seal a message. The seal names issuer and audience, because a different edge may have
 * the same keys but a different policy. The events of that edge must not be accepted here.
 */
type Sealer = Pick<Edge, "keys" | "issuer" | "audience">;

/**
 * Returns the type of the seal. Increase the version with every change of the format. Messages of an older version then become dead
 * letters, which the older program can still read.
 */
function typeOf({ issuer, audience }: Sealer) {
  return { type: `countersign-event ${issuer} ${audience}`, version: 1 };
}

const DELIVERED = { type: "countersign-delivered", version: 1 };
/** Cloudflare Queues accepts 128,000 bytes, of which it uses about a hundred itself. */
const MAX_MESSAGE_BYTES = 127_000;

export interface QueuedEvent {
  /** Unix seconds. */
  readonly receivedAt: number;
  readonly delivery: DeliveryRecord;
  /** The body in base64. Undefined if the body is in the bucket. */
  readonly body?: string;
}

/** The reason why an attempt failed. If the code is `undeliverable`, a retry would fail too. */
export class DeliveryError extends Error {
  readonly code: "undeliverable" | "origin_answer" | "attempt_crashed";

  constructor(code: DeliveryError["code"], message: string) {
    super(message);
    this.code = code;
  }
}

const undeliverable = (why: string) => new DeliveryError("undeliverable", why);

/** The bucket key of a body that is too large for the queue. */
export function bodyKey({ id }: Pick<Delivery, "id">): string {
  return `body/${id}`;
}

/** The bucket key of a record. The record says that an event was delivered and its body was removed. */
function deliveredKey({ id }: Pick<Delivery, "id">): string {
  return `delivered/${id}`;
}

/** Returns the text for the queue, and whether the text includes the body. */
export async function formatQueuedEvent(delivery: Delivery, receivedAt: number, edge: Sealer) {
  const event: QueuedEvent = { receivedAt, delivery: recordDelivery(delivery) };
  const isSmall = (delivery.body.byteLength * 4) / 3 < MAX_MESSAGE_BYTES;
  if (isSmall) {
    const body = Buffer.from(delivery.body).toString("base64");
    const text = await sealText(JSON.stringify({ ...event, body }), typeOf(edge), edge.keys);
    if (Buffer.byteLength(text) <= MAX_MESSAGE_BYTES) return { text, isWhole: true };
  }
  return { text: await sealText(JSON.stringify(event), typeOf(edge), edge.keys), isWhole: false };
}

/**
 * Reads the text of a message.
 * @throws DeliveryError `undeliverable` if this version of this edge, with these keys, did not write the text
 */
export async function parseQueuedEvent(text: unknown, edge: Sealer): Promise<QueuedEvent> {
  try {
    return JSON.parse(await openSealedText(String(text), typeOf(edge), edge.keys)) as QueuedEvent;
  } catch (error) {
    throw undeliverable((error as Error).message);
  }
}

/**
 * Restores the delivery of a queued event. Returns undefined if the event was delivered before and its body is removed.
 * @throws DeliveryError `undeliverable` if the body is not in the bucket, or if the bucket has a different body
 */
export async function restoreQueuedEvent(
  { delivery, body }: QueuedEvent,
  bodies: BodyBucket,
  keys: SigningKeys,
): Promise<Delivery | undefined> {
  const bytes = body === undefined ? await readBody(delivery, bodies, keys) : Buffer.from(body, "base64");
  if (bytes === undefined) return undefined;
  try {
    return restoreDelivery(delivery, digestBody(bytes));
  } catch {
    throw undeliverable("the body in the bucket is not the one that was accepted");
  }
}

/**
 * Removes the body of a delivered event and stores a record of the delivery. If the acknowledgement to the queue is lost, the queue
 * sends the message again, but the body is no longer in the bucket. Then the record shows that the event was delivered.
 */
export async function removeBody({ delivery }: QueuedEvent, bodies: BodyBucket, keys: SigningKeys): Promise<void> {
  await bodies.put(deliveredKey(delivery), await sealText(delivery.id, DELIVERED, keys), {});
  await bodies.delete(bodyKey(delivery));
}

async function readBody(delivery: DeliveryRecord, bodies: BodyBucket, keys: SigningKeys) {
  const object = await bodies.get(bodyKey(delivery));
  if (object === null) {
    const word = await bodies.get(deliveredKey(delivery)).then((found) => found?.text() ?? "");
    const delivered = await openSealedText(word, DELIVERED, keys).catch(() => undefined);
    if (delivered === delivery.id) return undefined;
    throw undeliverable("no body in the bucket: removed, or delivered over a day ago");
  }
  if (object.size > LARGEST_MAX_BODY_BYTES) throw undeliverable("the body in the bucket is too large");
  return new Uint8Array(await object.arrayBuffer());
}
