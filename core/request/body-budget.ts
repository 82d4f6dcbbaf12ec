// Limits the memory that the bodies of unproven senders use together. Otherwise anybody could begin to send many bodies, never
// finish them, and so use up the memory.

import { Refusal } from "../refusal.ts";
import { MAX_UNPROVEN_BODY_BYTES, UNCOUNTED_BODY_BYTES } from "../wire.ts";

/** The budget of one process or isolate. It only counts octets, and does not hold the bodies. */
export class BodyBudget {
  readonly #endsOldest: boolean;
  #held = 0;
  /** The bodies that are being read, in the order in which they began. */
  readonly #readings = new Set<BodyReading>();

  /**
   * If `endsOldest` is true and the limit is reached, the budget ends the reading that began first. So a sender that stops sending
   * does not block others. If `endsOldest` is false, the budget ends the reading whose octets would exceed the limit. In workerd,
   * `endsOldest` must be false, because a request in workerd must not touch the stream of another request.
   */
  constructor({ endsOldest }: { readonly endsOldest: boolean }) {
    this.#endsOldest = endsOldest;
  }

  begin(): BodyReading {
    const reading: BodyReading = new BodyReading((bytes) => this.#add(bytes, reading));
    this.#readings.add(reading);
    return reading;
  }

  /** Stops counting a body. Call this when the body is no longer needed, or when its sender is proven. */
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
  /** The octets of this body that count against the budget. */
  held = 0;

  constructor(add: (bytes: number) => void) {
    this.#add = add;
  }

  /** Sets `stop`, which the budget calls to end this reading. `stop` must end the wait for the next chunk. */
  start(stop: () => void): void {
    this.#stop = stop;
  }

  end(): void {
    this.#isEnded = true;
    this.#stop();
  }

  /** Counts octets before they are kept. @throws Refusal `bodies_full` */
  take(bytes: number): void {
    this.#size += bytes;
    const more = Math.max(0, this.#size - UNCOUNTED_BODY_BYTES) - this.held;
    if (more > 0 && !this.#isEnded) this.#add(more);
    if (this.#isEnded) throw new Refusal("bodies_full", { limit: MAX_UNPROVEN_BODY_BYTES, received: this.#size });
    this.held += Math.max(0, more);
  }
}
