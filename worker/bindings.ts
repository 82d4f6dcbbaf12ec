// The parts of Cloudflare Queues and R2 that this program uses.

export interface QueueProducer {
  send(text: string, options: { readonly contentType: "text" }): Promise<unknown>;
}

export interface BodyBucket {
  get(key: string): Promise<(StoredObject & { arrayBuffer(): Promise<ArrayBuffer>; text(): Promise<string> }) | null>;
  put(
    key: string,
    content: Uint8Array | string,
    options: { readonly sha256?: Uint8Array; readonly customMetadata?: Record<string, string> },
  ): Promise<unknown>;
  delete(keys: string | string[]): Promise<void>;
  list(options: { prefix: string; limit?: number; cursor?: string }): Promise<StoredObjects>;
}

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly uploaded: Date;
}

export type StoredObjects = { readonly objects: readonly StoredObject[] } & (
  | { readonly truncated: true; readonly cursor: string }
  | { readonly truncated: false }
);

export interface EventQueue {
  readonly events: QueueProducer;
  readonly bodies: BodyBucket;
}

export interface QueueMessage {
  readonly id: string;
  /** The time at which the message was sent to its queue. */
  readonly timestamp: Date;
  readonly body: unknown;
  /** The number of this attempt. The first attempt has 1. */
  readonly attempts: number;
  ack(): void;
  retry(options: { readonly delaySeconds: number }): void;
}

export interface QueueBatch {
  readonly queue: string;
  readonly messages: readonly QueueMessage[];
}
