// Packages that only some installations need: an origin with a SQLite inbox and without metrics does not. They are loaded when
// they are used. If one is missing, the error names the command that installs it.

import { ConfigurationError } from "../core/configuration-error.ts";

/**
 * Loads code that imports the packages. `use`: what needs them, for example `--metrics`.
 * @throws ConfigurationError that names the packages if one of them is not installed; otherwise the error of loading
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

/** Node, Bun and Deno all use this code, and quote the name of the package or of the module in it. */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && new RegExp(`["']${name}["'/]`).test(String(message));
}
