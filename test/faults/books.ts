// Counts the events of a fault test: how many were sent, acknowledged, stored and handled. The test gives each event a name, which
// identifies the event.

import { expect } from "vitest";

export interface Books {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly dispatched: number;
  readonly lost: number;
  readonly twiceStored: number;
}

/** The events that the senders sent, and the responses that they received. */
export class Ledger {
  readonly acknowledged = new Set<string>();
  /** The number of times that each status was received. The status 0 means that there was no response. */
  readonly answers = new Map<number, number>();
  readonly #sent = new Set<string>();

  /** Returns a new name for an event. */
  newEvent(): string {
    const name = `event-${this.#sent.size + 1}`;
    this.#sent.add(name);
    return name;
  }

  get sent(): number {
    return this.#sent.size;
  }

  answered(name: string, status: number): boolean {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1);
    const isAcknowledged = status >= 200 && status < 300;
    if (isAcknowledged) this.acknowledged.add(name);
    return isAcknowledged;
  }

  /**
   * Compares the events that were sent, acknowledged, stored and handled, and prints the result. `stored` says how often the inbox
   * has each event.
   */
  close(title: string, stored: ReadonlyMap<string, number>, handled: ReadonlySet<string>): Books {
    const books = {
      sent: this.sent,
      acknowledged: this.acknowledged.size,
      stored: stored.size,
      dispatched: [...this.acknowledged].filter((name) => handled.has(name)).length,
      lost: [...this.acknowledged].filter((name) => !stored.has(name)).length,
      twiceStored: [...stored.values()].filter((times) => times > 1).length,
    };
    console.log(`${title}: ${JSON.stringify(books)}, answers ${JSON.stringify(Object.fromEntries(this.answers))}`);
    return books;
  }
}

/** Expects that each event that was sent was also acknowledged in the end, is stored exactly once, and was handled. */
export function expectBalance(books: Books, atLeast = 20): void {
  const { sent } = books;
  expect(books).toEqual({ sent, acknowledged: sent, stored: sent, dispatched: sent, lost: 0, twiceStored: 0 });
  expect(sent).toBeGreaterThan(atLeast);
}
