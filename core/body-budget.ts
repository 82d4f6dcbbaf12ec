// How much memory bodies may take while nothing is proven of who sends them: anybody can begin to send one, and stop.

import { Refusal } from "./refusal.ts";
import { MAX_UNPROVEN_BODY_BYTES, UNCOUNTED_BODY_BYTES } from "./wire.ts";

/** Of one process or isolate. It keeps counts, and no bodies. */
export class BodyBudget {
  readonly #endsOldest: boolean;
  #held = 0;
  /** In the order in which they began. */
  readonly #readings = new Set<BodyReading>();

  /**
   * Over the limit the body is ended that has been on its way for the longest, so that who stops sending keeps nobody out; or,
   * where a request may not touch another's stream, the one that asks for more.
   */
  constructor({ endsOldest }: { readonly endsOldest: boolean }) {
    this.#endsOldest = endsOldest;
  }

  begin(): BodyReading {
    const reading: BodyReading = new BodyReading((bytes) => this.#add(bytes, reading));
    this.#readings.add(reading);
    return reading;
  }

  /** The body is no longer needed, or its sender is proven. */
  finish(reading: BodyReading): void {
    if (this.#readings.delete(reading)) this.#held -= reading.held;
  }

  #add(bytes: number, reading: BodyReading): void {
    while (this.#held + bytes > MAX_UNPROVEN_BODY_BYTES) {
      const [oldest = reading] = this.#endsOldest ? this.#readings : [];
      this.finish(oldest);
      oldest.end();
      if (oldest === reading) return;
    }
    this.#held += bytes;
  }
}

/** One body that is being read. */
export class BodyReading {
  readonly #add: (bytes: number) => void;
  #stop = () => {};
  #isEnded = false;
  #size = 0;
  /** What counts of it. */
  held = 0;

  constructor(add: (bytes: number) => void) {
    this.#add = add;
  }

  /** `stop` ends the wait for the next piece. */
  start(stop: () => void): void {
    this.#stop = stop;
  }

  end(): void {
    this.#isEnded = true;
    this.#stop();
  }

  /** Counts so many octets more, which are about to be kept. @throws Refusal `bodies_full` */
  take(bytes: number): void {
    this.#size += bytes;
    const more = Math.max(0, this.#size - UNCOUNTED_BODY_BYTES) - this.held;
    if (more > 0 && !this.#isEnded) this.#add(more);
    if (this.#isEnded) throw new Refusal("bodies_full", { limit: MAX_UNPROVEN_BODY_BYTES, received: this.#size });
    this.held += Math.max(0, more);
  }
}
