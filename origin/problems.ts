// Collects all problems of a configuration, so that one message lists them.

import { ConfigurationError } from "../core/configuration-error.ts";
import { messageOf } from "../core/failure-chain.ts";

/**
 * The problems of one file. The message of this error begins with the name of the file. If the problems are listed together with
 * those of other files, `problemsOf()` puts the name before each problem.
 */
export class FileProblems extends ConfigurationError {
  readonly file: string;

  constructor(file: string, problems: readonly string[]) {
    super(file, problems);
    this.file = file;
  }
}

/** Runs a check of a file's content. @throws FileProblems instead of a ConfigurationError, which does not name the file */
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

  /** Returns the result of `make`. If `make` throws, keeps the problem and returns undefined. */
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
