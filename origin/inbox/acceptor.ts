// Acceptance as every store has it: an event goes to the store's next commit, and what follows from that commit is
// remembered, told and answered here.

import type { Delivery } from "../../core/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { Acceptance, AssertionId } from "../acceptance.ts";
import type { FirstSight, Lease } from "../inbox.ts";
import { type Presented, type Sight, type WrittenCertificate, WrittenCertificates } from "./first-sights.ts";
import type { InboxOptions } from "./inbox-options.ts";
import type { Insertion } from "./stored-columns.ts";

/** An event on its way into the store. */
export interface Arrival {
  readonly delivery: Delivery;
  readonly assertion: AssertionId;
  /** Unix seconds. */
  readonly now: number;
  /** Undefined for a sender that needs no certificate. */
  readonly presented: Presented | undefined;
  /** Undefined: it is not to be leased. */
  readonly leaseMilliseconds: number | undefined;
}

/** What a transaction did for one event. */
export interface Stored {
  readonly insertion: Insertion;
  readonly lease?: Lease | undefined;
  /** The certificate's row, when it was written. */
  readonly certificate?: WrittenCertificate | undefined;
}

/** Resolves once it is committed. */
type Store = (arrival: Arrival) => Promise<Stored>;

export class Acceptor {
  readonly #store: Store;
  readonly #written = new WrittenCertificates();
  readonly #clock: () => number;
  readonly #onNewCertificate: (firstSights: readonly FirstSight[]) => void;
  readonly #describeError: (error: unknown) => string;

  constructor(
    store: Store,
    { clock = Date.now, onNewCertificate = () => {} }: InboxOptions,
    describeError: (error: unknown) => string,
  ) {
    this.#store = store;
    this.#clock = clock;
    this.#onNewCertificate = onNewCertificate;
    this.#describeError = describeError;
  }

  /** Passed on as a function. */
  readonly accept = async (delivery: Delivery, assertion: AssertionId): Promise<Acceptance> => {
    const { acceptance } = await this.#accept(delivery, assertion, undefined);
    return acceptance;
  };

  readonly acceptLeased = async (delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number) => {
    const { acceptance, lease } = await this.#accept(delivery, assertion, leaseMilliseconds);
    return lease === undefined ? acceptance : { lease };
  };

  /** The row of what was presented, when this process wrote it within the hour. To be asked when it is committed. */
  findWritten({ presented, now }: Arrival): number | undefined {
    return presented && this.#written.find(presented, now);
  }

  async #accept(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number | undefined) {
    const { sender, certificate } = delivery;
    const now = Math.floor(this.#clock() / 1000);
    const presented = certificate && { sender, certificate };
    const {
      insertion,
      lease,
      certificate: written,
    } = await this.#store({
      delivery,
      assertion,
      now,
      presented,
      leaseMilliseconds,
    }).catch((error: unknown) => this.#refuse(error));
    if (insertion.outcome === "replayed") throw new Refusal("replayed", { jti: assertion.jti });
    if (insertion.outcome === "duplicate") return { acceptance: insertion };
    if (written !== undefined && presented !== undefined) {
      this.#written.remember(presented, written.id, now);
      if (written.isNew) this.#tell(written.firstSights, delivery);
    }
    const { sequence, ...acceptance } = insertion;
    return { acceptance, lease };
  }

  #refuse(error: unknown): never {
    if (error instanceof Refusal) throw error;
    throw new Refusal("store_unavailable", { cause: this.#describeError(error) });
  }

  /** The event is stored: a listener that fails must not make its sender send it again. */
  #tell(sights: readonly Sight[], { id, sender }: Delivery): void {
    try {
      this.#onNewCertificate(sights.map((sight) => ({ ...sight, sender, id })));
    } catch {}
  }
}
