// The queue of a route with `delivery: "queue"`: an admitted event is answered with 202 as soon as it cannot be lost any more.
// Nothing is signed for the origin here: what would be signed now is out of date when it is delivered (deliver.ts).

import type { Delivery } from "../core/delivery.ts";
import { describeCauses } from "../core/failure-chain.ts";
import { Refusal } from "../core/refusal.ts";
import type { Edge } from "./edge.ts";
import { bodyKey, formatQueuedEvent } from "./queued-event.ts";

/**
 * Puts a delivery into the queue, and its body into the bucket where it is too large for a message.
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
    // The sender will come again, as another event. What cannot be removed now is removed by age.
    if (!isWhole) await bodies.delete(bodyKey(delivery)).catch(() => undefined);
    throw new Refusal("queue_unavailable", { cause: describeCauses(error) });
  }
  return Response.json({ event: delivery.id }, { status: 202, headers: { "cache-control": "no-store" } });
}

/** The bucket compares it with the bytes that it got. */
function readDigest({ contentDigest }: Delivery): Uint8Array {
  return Buffer.from(contentDigest.slice("sha-256=:".length, -1), "base64");
}
