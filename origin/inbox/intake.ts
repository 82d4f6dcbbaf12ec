// What both stores do with an arriving event besides writing it: note when it arrived, and after the commit refuse a replay,
// remember the certificate, report what is new about it, and return the result. Calls no store.

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
  /** The time of arrival in Unix seconds. */
  readonly now: number;
  /** Undefined for a sender that needs no certificate. */
  readonly presented: Presented | undefined;
  /** Undefined if the event must not be leased at once. */
  readonly leaseMilliseconds: number | undefined;
}

/** The result of a transaction for one event. */
export interface Stored {
  readonly insertion: Insertion;
  readonly lease?: Lease | undefined;
  /** The row of the certificate, if this transaction wrote it. */
  readonly certificate?: WrittenCertificate | undefined;
}

/** The result that the caller of a store gets. */
export interface Accepted {
  readonly acceptance: Acceptance;
  readonly lease?: Lease | undefined;
}

export class Intake {
  readonly #written = new WrittenCertificates();
  readonly #clock: () => number;
  readonly #onNewCertificate: (firstSights: readonly FirstSight[]) => void;

  constructor({ clock = Date.now, onNewCertificate = () => {} }: InboxOptions) {
    this.#clock = clock;
    this.#onNewCertificate = onNewCertificate;
  }

  arrive(delivery: Delivery, assertion: AssertionId, leaseMilliseconds: number | undefined): Arrival {
    const { sender, certificate } = delivery;
    const now = Math.floor(this.#clock() / 1000);
    return { delivery, assertion, now, presented: certificate && { sender, certificate }, leaseMilliseconds };
  }

  /**
   * Returns the certificate's row, if this process wrote it within the last hour. Call it inside the transaction, because another
   * event may have written the row before the transaction began.
   */
  findWritten({ presented, now }: Arrival): number | undefined {
    return presented && this.#written.find(presented, now);
  }

  /** Must be called after the commit. @throws Refusal `replayed` */
  conclude({ delivery, assertion, presented, now }: Arrival, { insertion, lease, certificate }: Stored): Accepted {
    if (insertion.outcome === "replayed") throw new Refusal("replayed", { jti: assertion.jti });
    if (insertion.outcome === "duplicate") return { acceptance: insertion };
    if (certificate !== undefined && presented !== undefined) {
      this.#written.remember(presented, certificate.id, now);
      if (certificate.isNew) this.#report(certificate.firstSights, delivery);
    }
    const { sequence, ...acceptance } = insertion;
    return { acceptance, lease };
  }

  /** Errors of the listener are ignored, because the event is stored, and the sender must not send it again. */
  #report(sights: readonly Sight[], { id, sender }: Delivery): void {
    try {
      this.#onNewCertificate(sights.map((sight) => ({ ...sight, sender, id })));
    } catch {}
  }
}

/** Turns the error of a write into a refusal, so that the sender retries. `describe` tells the operator the cause. */
export function refuseWrite(error: unknown, describe: (error: unknown) => string): never {
  if (error instanceof Refusal) throw error;
  throw new Refusal("store_unavailable", { cause: describe(error) });
}

/** Returns the result of `acceptLeased`. */
export function leaseOr({ acceptance, lease }: Accepted): { readonly lease: Lease } | Acceptance {
  return lease === undefined ? acceptance : { lease };
}
