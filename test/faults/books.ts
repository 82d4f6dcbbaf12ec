// The books of a fault test: what was sent, acknowledged, stored and handled, by the test's own names of events.

import { expect } from "vitest";

export interface Books {
  readonly sent: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly dispatched: number;
  readonly lost: number;
  readonly twiceStored: number;
}

/** What senders know: which events they sent, and what they were answered. */
export class Ledger {
  readonly acknowledged = new Set<string>();
  /** How often each status was answered; 0 where there was no answer. */
  readonly answers = new Map<number, number>();
  readonly #sent = new Set<string>();

  /** The name of an event that was never sent. */
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

  /** `stored`: how often each event is in the inbox. Prints the books. */
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

/** Everything that was sent was acknowledged in the end, is there once, and was handled. */
export function expectBalance(books: Books, atLeast = 20): void {
  const { sent } = books;
  expect(books).toEqual({ sent, acknowledged: sent, stored: sent, dispatched: sent, lost: 0, twiceStored: 0 });
  expect(sent).toBeGreaterThan(atLeast);
}
