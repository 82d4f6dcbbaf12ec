// Packages that only some installations need: an origin with a SQLite inbox and no metrics does without them. They are loaded when
// they are used, and one that is not there is told with the command that installs it.

import { ConfigurationError } from "../core/configuration-error.ts";

/**
 * Loads code that imports the packages. `use` is what needs them, as in `--metrics`.
 * @throws ConfigurationError that names them when one of them is not installed, and whatever loading throws otherwise
 */
export async function loadOptional<T>(use: string, packages: readonly string[], load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const missing = packages.find((name) => isMissing(error, name));
    if (missing === undefined) throw error;
    throw new ConfigurationError(use, [
      `needs the package ${missing}, which is not installed: npm install ${packages.join(" ")}`,
    ]);
  }
}

/** Node, Bun and Deno say it with this code, and quote the name or what was imported of it. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && new RegExp(`["']${name}["'/]`).test(String(message));
}
