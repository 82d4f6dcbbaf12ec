// Puts events of a route with `delivery: "queue"` into the queue. An admitted event is answered with 202 as soon as it is stored
// and cannot be lost. deliver.ts signs the event when it delivers it, because a signature that is made here would expire before
// delivery.

import type { Delivery } from "../../core/delivery/delivery.ts";
import { describeCauses } from "../../core/failure-chain.ts";
import { Refusal } from "../../core/refusal.ts";
import type { Edge } from "../configuration.ts";
import { bodyKey, formatQueuedEvent } from "./message.ts";

/**
 * Puts a delivery into the queue. If its body is too large for a message, first puts the body into the bucket.
 * @throws Refusal `queue_unavailable`
 */
export async function enqueue(
  delivery: Delivery,
  receivedAt: number,
  edge: Pick<Edge, "queue" | "keys" | "issuer" | "audience">,
): Promise<Response> {
  const { queue } = edge;
  if (queue === undefined) throw new Refusal("misconfigured", { problems: ["no queue"] });
  const { events, bodies } = queue;
  const { text, isWhole } = await formatQueuedEvent(delivery, receivedAt, edge);
  try {
    if (!isWhole) await bodies.put(bodyKey(delivery), delivery.body, { sha256: readDigest(delivery) });
    await events.send(text, { contentType: "text" });
  } catch (error) {
    // The sender retries, and the retry becomes a new event with a body of its own. So the body of this event is not needed any
    // more. If it cannot be removed now, a later clean-up removes it when it is old.
    if (!isWhole) await bodies.delete(bodyKey(delivery)).catch(() => undefined);
    throw new Refusal("queue_unavailable", { cause: describeCauses(error) });
  }
  return Response.json({ event: delivery.id }, { status: 202, headers: { "cache-control": "no-store" } });
}

/** Returns the digest that the bucket compares with the bytes that it receives. */
function readDigest({ contentDigest }: Delivery): Uint8Array {
  return Buffer.from(contentDigest.slice("sha-256=:".length, -1), "base64");
}
