// Gives a test access to the bucket of an edge in wrangler's harness.

import { fileURLToPath } from "node:url";
import type { TestHarness } from "wrangler";
import { QUEUE_CONFIG } from "../../cli/dev/local-edge.ts";
import type { BodyBucket, StoredObject, StoredObjects } from "../../worker/bindings.ts";

/** The worker that runs beside the edge and has the same bucket. */
export const BUCKET_WORKER = {
  name: "bucket",
  main: fileURLToPath(new URL("bucket-worker.js", import.meta.url)),
  compatibility_date: "2026-10-01",
  r2_buckets: QUEUE_CONFIG.r2_buckets,
};

export interface TestBucket extends BodyBucket {
  /** Puts an object at each key, in one request. The content of an object is its key. */
  fill(keys: readonly string[]): Promise<void>;
  /**
   * Runs the maintenance of the queue inside the worker that has the bucket. From a test process, each of a thousand dead letters
   * would need three requests. The queue rejects the texts in `refused`. Resolves to all texts that the maintenance tried to send,
   * including the rejected ones.
   */
  maintain(now: number, refused: readonly string[]): Promise<string[]>;
}

interface Call {
  readonly method: keyof TestBucket;
  readonly key?: string | readonly string[];
  readonly options?: object;
}

export function openBucket(harness: TestHarness): TestBucket {
  const worker = harness.getWorker(BUCKET_WORKER.name);
  async function call(call: Call, body?: Uint8Array | string): Promise<Response> {
    const headers = { call: JSON.stringify(call) };
    const answer = await worker.fetch("http://bucket/", {
      method: "POST",
      headers,
      ...(body !== undefined && { body }),
    });
    if (!answer.ok) throw new Error(await answer.text());
    return answer as unknown as Response;
  }
  return {
    async get(key) {
      const answer = await call({ method: "get", key });
      const object = JSON.parse(answer.headers.get("object") ?? "");
      return object && { ...revive(object), arrayBuffer: () => answer.arrayBuffer(), text: () => answer.text() };
    },
    put: (key, content, { sha256, ...options }) =>
      call({ method: "put", key, options: { ...options, ...(sha256 && { sha256: hex(sha256) }) } }, content),
    fill: async (keys) => void (await call({ method: "fill" }, JSON.stringify(keys))),
    async maintain(now, refused) {
      return (await (await call({ method: "maintain", options: { now, refused } })).json()) as string[];
    },
    delete: async (keys) => void (await call({ method: "delete", key: keys })),
    async list(options) {
      const page = (await (await call({ method: "list", options })).json()) as StoredObjects;
      return { ...page, objects: page.objects.map(revive) };
    },
  };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Turns `uploaded` into a Date again, because JSON has no dates. */
function revive(object: StoredObject): StoredObject {
  return { ...object, uploaded: new Date(object.uploaded) };
}
