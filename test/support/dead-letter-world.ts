// Starts a queue that makes only two attempts, so that events become dead letters within seconds.

import { type QueueWorld, startQueueWorld } from "./queue-world.ts";

export interface DeadLetterWorld extends QueueWorld {
  /**
   * Sends an event that the origin refuses, and waits until the event is a dead letter. Resolves to the id of the event and the key
   * of the dead letter.
   */
  die(body?: string | Uint8Array<ArrayBuffer>): Promise<{ id: string; key: string }>;
  /** Empties the bucket. */
  clear(): Promise<void>;
}

export async function startDeadLetterWorld(stack: AsyncDisposableStack): Promise<DeadLetterWorld> {
  const queue = await startQueueWorld(stack, { retrySeconds: [1, 1], maxRetries: 1, batchSeconds: 0 });
  const { lines } = queue.edge;
  return Object.assign(queue, {
    async die(body: string | Uint8Array<ArrayBuffer> = "poison") {
      queue.behave = () => 500;
      const id = await queue.accept({ body });
      const line = await lines.with({ decision: "dead-letter", id });
      queue.behave = () => "pass";
      return { id, key: String(line["key"]) };
    },
    async clear() {
      const keys = await queue.keys();
      if (keys.length > 0) await queue.bucket.delete(keys);
    },
  });
}
