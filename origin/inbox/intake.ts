// Acceptance of an event, for every store. Passes the event to the store's next commit. After the commit, remembers the
// certificate, reports what is new about it, and returns the result.

import type { Delivery } from "../../core/delivery/delivery.ts";
import { Refusal } from "../../core/refusal.ts";
import type { Acceptance, AssertionId } from "../accept.ts";
import type { Insertion } from "./events/columns.ts";
import { type Presented, type Sight, type WrittenCertificate, WrittenCertificates } from "./first-sights.ts";
import type { FirstSight, Lease } from "./inbox.ts";
import type { InboxOptions } from "./options.ts";

/** An event on its way to the store. */
export interface Arrival {
  readonly delivery: Delivery;
  readonly assertion: AssertionId;
  /** Unix seconds. */
  readonly now: number;
  /** Undefined for a sender that needs no certificate. */
  readonly presented: Presented | undefined;
  /** Undefined if the event must not be leased at once. */
  readonly leaseMilliseconds: number | undefined;
}

/** What a transaction did for one event. */
export interface Stored {
  readonly insertion: Insertion;
  readonly lease?: Lease | undefined;
  /** The row of the certificate, if it was written now. */
  readonly certificate?: WrittenCertificate | undefined;
}

/** Resolves after the commit. */
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

  /** An arrow property, because it is passed on without its object. */
  readonly accept = async (delivery: Delivery, assertion: AssertionId): Promise<Acceptance> => {
    const { acceptance } = await this.#accept(delivery, assertion, undefined);
    return acceptance;
  };

  readonly acceptLeased = async (delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number) => {
    const { acceptance, lease } = await this.#accept(delivery, assertion, leaseMilliseconds);
    return lease === undefined ? acceptance : { lease };
  };

  /** The certificate's row, if this process wrote it within the last hour. Ask at the moment of the commit. */
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

  /** Errors of the listener are ignored: the event is stored, and the sender must not send it again. */
  #tell(sights: readonly Sight[], { id, sender }: Delivery): void {
    try {
      this.#onNewCertificate(sights.map((sight) => ({ ...sight, sender, id })));
    } catch {}
  }
}
