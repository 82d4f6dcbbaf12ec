// Collects everything that is wrong with a configuration, so that it is told in one message.

import { ConfigurationError } from "../core/configuration-error.ts";
import { messageOf } from "../core/failure-chain.ts";

/** What is wrong within a file. Its name heads the list, and stands with each problem where those of other places are in the list too. */
export class FileProblems extends ConfigurationError {
  readonly file: string;

  constructor(file: string, problems: readonly string[]) {
    super(file, problems);
    this.file = file;
  }
}

/** Runs what judges the content of a file. @throws FileProblems in the place of a ConfigurationError that does not know the file */
export function inFile<T>(file: string, judge: () => T): T {
  try {
    const result = judge();
    return result instanceof Promise ? (result.catch((error: unknown) => refuse(file, error)) as T) : result;
  } catch (error) {
    return refuse(file, error);
  }
}

function refuse(file: string, error: unknown): never {
  throw error instanceof ConfigurationError ? new FileProblems(file, error.problems) : error;
}

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
  if (error instanceof FileProblems) return error.problems.map((problem) => `${error.file}: ${problem}`);
  if (error instanceof ConfigurationError) return error.problems;
  return [messageOf(error)];
}
