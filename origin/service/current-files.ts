// Holds the state by which requests are judged: the files and the revocation lists of the policy. When a file changes, all files
// are loaded again. A reload replaces the whole state, or nothing if it fails.

import type { LogLine } from "../../core/log-line.ts";
import type { CrlStore } from "../crls/store.ts";
import { problemsOf } from "../problems.ts";
import { openCrls } from "./crls.ts";
import type { Listening, Loaded, OriginMode } from "./mode.ts";
import { secretFilesOf } from "./secret-notices.ts";
import { watchFiles } from "./watch-files.ts";

export class CurrentFiles<T extends Loaded> {
  readonly #mode: OriginMode<T>;
  readonly #log: (line: LogLine) => void;
  #loaded: T;
  #crls: CrlStore;
  #stopWatching = () => {};
  /** Reloads run one after the other, because each reload closes the revocation lists that the previous reload opened. */
  #reloads = Promise.resolve();

  private constructor(mode: OriginMode<T>, loaded: T, crls: CrlStore, log: (line: LogLine) => void) {
    this.#mode = mode;
    this.#loaded = loaded;
    this.#crls = crls;
    this.#log = log;
  }

  static async open<T extends Loaded>(
    mode: OriginMode<T>,
    first: T,
    log: (line: LogLine) => void,
  ): Promise<CurrentFiles<T>> {
    return new CurrentFiles(mode, first, await openCrls(first.policy, mode.settings, mode.output.warn), log);
  }

  readonly loaded = (): T => this.#loaded;
  readonly lists = () => this.#crls.lists();
  readonly lacking = () => this.#crls.lacking();
  readonly listEnds = () => this.#crls.ends();

  watch(apply: Listening<T>["apply"]): void {
    this.#stopWatching = watchFiles(
      () => [...this.#mode.files, ...secretFilesOf(this.#loaded.policy)],
      () => {
        this.#reloads = this.#reloads.then(() => this.#reload(apply));
      },
    );
  }

  async close(): Promise<void> {
    this.#stopWatching();
    await this.#reloads;
    this.#crls.close();
  }

  /** Loads the files again. If a new file is broken, the old state stays in force and the fault is logged. */
  async #reload(apply: Listening<T>["apply"]): Promise<void> {
    const { load, settings, describe, output } = this.#mode;
    try {
      const loaded = await load();
      const crls = await openCrls(loaded.policy, settings, output.warn);
      try {
        apply?.(loaded);
      } catch (error) {
        crls.close();
        throw error;
      }
      this.#crls.close();
      [this.#loaded, this.#crls] = [loaded, crls];
      this.#log({ decision: "reloaded", policy: loaded.policy.digest, ...describe?.(loaded) });
    } catch (error) {
      this.#log({
        decision: "failed",
        code: "reload_refused",
        why: "the files in force stay in force",
        policy: this.#loaded.policy.digest,
        problems: problemsOf(error),
      });
    }
  }
}
