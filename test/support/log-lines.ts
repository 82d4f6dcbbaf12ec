// The decisions that a program logged, to be awaited by decision id.

import type { LogLine } from "../../core/decision.ts";

export class LogLines {
  readonly all: LogLine[] = [];
  readonly #waiting = new Map<unknown, (line: LogLine) => void>();

  readonly push = (line: LogLine): void => {
    this.all.push(line);
    this.#waiting.get(line["id"])?.(line);
  };

  /** The line of this decision, as soon as it is logged. */
  of(decision: unknown): Promise<LogLine> {
    const logged = this.all.find(({ id }) => id === decision);
    if (logged !== undefined) return Promise.resolve(logged);
    return new Promise((resolve) => this.#waiting.set(decision, resolve));
  }
}
