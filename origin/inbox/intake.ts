// The steps that every acceptance of an event has, in SQLite and in PostgreSQL. The step before the write notes the time of
// arrival. The steps after the commit refuse a replay, remember the certificate, report what is new about the certificate, and
// return the result.

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
  /** The sender and its certificate. Undefined if the sender needs no certificate. */
  readonly presented: Presented | undefined;
  /** Undefined if the event is only stored, without a lease. */
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
   * Returns the id of the certificate's row, if this process wrote the row within the last hour. Must be called inside the
   * transaction, because another event may have written the row since this event arrived.
   */
  findWritten({ presented, now }: Arrival): number | undefined {
    return presented && this.#written.find(presented, now);
  }

  /**
   * Returns the result for the caller, and reports a new certificate. Must be called after the commit.
   * @throws Refusal `replayed` if the assertion was used before
   */
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

  /**
   * Calls `onNewCertificate` and ignores its errors, because the event is already stored. An error would make the sender send the
   * event again.
   */
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
