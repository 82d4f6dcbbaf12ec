// Collects the log lines of a program. A test can wait for a line that has a certain decision id or certain members.

import { isDeepStrictEqual } from "node:util";
import type { LogLine } from "../../core/log-line.ts";

export class LogLines {
  readonly all: LogLine[] = [];
  readonly #waiting = new Set<(line: LogLine) => void>();

  readonly push = (line: LogLine): void => {
    this.all.push(line);
    for (const look of this.#waiting) look(line);
  };

  /** Resolves to the line with this decision id when the line is logged. */
  of(decision: unknown): Promise<LogLine> {
    return this.with({ id: decision });
  }

  /** Waits until a line with these members is logged, and resolves to it. Ignores the lines before index `start`. */
  with(members: Readonly<Record<string, unknown>>, start = 0): Promise<LogLine> {
    const matches = (line: LogLine) =>
      Object.entries(members).every(([name, value]) => isDeepStrictEqual(line[name], value));
    const logged = this.all.slice(start).find(matches);
    if (logged !== undefined) return Promise.resolve(logged);
    return new Promise((resolve) => {
      const look = (line: LogLine) => {
        if (!matches(line)) return;
        this.#waiting.delete(look);
        resolve(line);
      };
      this.#waiting.add(look);
    });
  }
}
