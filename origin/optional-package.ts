// Loads packages that only some installations need. For example, an origin with a SQLite inbox and without metrics needs none of
// them. A package is loaded when it is used. If it is missing, the error names the command that installs it.

import { ConfigurationError } from "../core/configuration-error.ts";

/**
 * Loads code that imports the packages. `use` names the feature that needs them, for example `--metrics`.
 * @throws ConfigurationError that names the packages if one of them is not installed. Any other error of loading is thrown
 * unchanged
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

/**
 * Returns true if the error says that the package is not installed. Node, Bun and Deno all use the code `ERR_MODULE_NOT_FOUND`, and
 * their messages quote the name of the package or of the module.
 */
function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && new RegExp(`["']${name}["'/]`).test(String(message));
}
