// What is used of Cloudflare Queues and R2.

/** What is used of a producer of Cloudflare Queues. */
export interface QueueProducer {
  send(text: string, options: { readonly contentType: "text" }): Promise<unknown>;
}

/** What is used of an R2 bucket. */
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

/** What is used of a message of Cloudflare Queues. */
export interface QueueMessage {
  readonly id: string;
  /** When it was sent to its queue. */
  readonly timestamp: Date;
  readonly body: unknown;
  /** 1 for the first. */
  readonly attempts: number;
  ack(): void;
  retry(options: { readonly delaySeconds: number }): void;
}

export interface QueueBatch {
  readonly queue: string;
  readonly messages: readonly QueueMessage[];
}
