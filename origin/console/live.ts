// Serves live updates. Server-sent events tell a page that something in the inbox changed. Then the page fetches itself again.

import { streamSSE } from "hono/streaming";
import type { ConsoleContext, Setting } from "./context.ts";

const LOOK_MILLISECONDS = 1_000;
/** The interval of messages that keep a connection open. Proxies end a connection that carries no data. */
const BEAT_MILLISECONDS = 20_000;
/** The largest number of open connections. One browser opens at most six connections to one host. */
const MAX_STREAMS = 100;

/** Reads the inbox at intervals while somebody listens. One read serves all listeners. */
export class Changes {
  readonly #read: () => Promise<string>;
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #last: string | undefined;

  constructor(read: () => Promise<string>) {
    this.#read = read;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Adds a listener. Returns a function that removes it. */
  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange);
    if (this.#timer === undefined) this.#lookSoon(0);
    return () => {
      this.#listeners.delete(onChange);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#last = undefined;
    };
  }

  #lookSoon(milliseconds = LOOK_MILLISECONDS): void {
    this.#timer = setTimeout(() => void this.#look(), milliseconds);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    const before = this.#last;
    // A store that cannot be reached for a while does not count as a change. Pages show the error when they are loaded.
    const found = await this.#read().catch(() => before);
    if (this.#listeners.size === 0) return;
    this.#last = found;
    if (before !== undefined && found !== before) for (const listener of [...this.#listeners]) listener();
    this.#lookSoon();
  }
}

export function liveUpdates(c: ConsoleContext, { signal }: Setting, changes: Changes): Response {
  // Hono answers HEAD like GET and drops the body. A stream that nobody reads would never end.
  if (c.req.method === "HEAD") return c.body(null, 200, { "content-type": "text/event-stream" });
  if (changes.size >= MAX_STREAMS) return c.text("Too many pages are open.\n", 503);
  if (signal?.aborted) return c.text("The console closes.\n", 503);
  return streamSSE(c, async (stream) => {
    const ended = Promise.withResolvers<void>();
    const stop = changes.listen(() => void stream.writeSSE({ event: "change", data: "" }));
    const beat = setInterval(() => void stream.writeSSE({ event: "beat", data: "" }), BEAT_MILLISECONDS);
    stream.onAbort(ended.resolve);
    const close = () => ended.resolve();
    signal?.addEventListener("abort", close);
    await stream.writeSSE({ event: "hello", data: "", retry: 2_000 });
    await ended.promise;
    clearInterval(beat);
    signal?.removeEventListener("abort", close);
    stop();
  });
}
