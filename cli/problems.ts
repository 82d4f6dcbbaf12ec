// Collects everything that is wrong with a configuration, so that it is told in one message.

import { ConfigurationError } from "../core/configuration-error.ts";

export class Problems {
  readonly #problems: string[] = [];

  /** The result, or undefined with the problem kept. */
  async attempt<T>(make: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await make();
    } catch (error) {
      this.#problems.push(...problemsOf(error));
      return undefined;
    }
  }

  get count(): number {
    return this.#problems.length;
  }

  toError(subject: string): ConfigurationError {
    return new ConfigurationError(subject, this.#problems);
  }
}

export function problemsOf(error: unknown): readonly string[] {
  if (error instanceof ConfigurationError) return error.problems;
  return [error instanceof Error ? error.message : String(error)];
}
