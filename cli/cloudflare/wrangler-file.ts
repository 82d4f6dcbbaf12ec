// Reads the wrangler file of an edge, for all commands.

import type { Unstable_Config } from "wrangler";
import { messageOf } from "../../core/failure-chain.ts";
import { loadOptional } from "../../origin/optional-package.ts";
import { UsageError } from "../command.ts";

/**
 * Reads a wrangler.toml or wrangler.jsonc as wrangler does, for one of its environments.
 * @throws UsageError if wrangler refuses the file, ConfigurationError if the package wrangler is not installed
 */
export async function readWranglerFile(file: string, environment: string | undefined): Promise<Unstable_Config> {
  const { unstable_readConfig } = await loadOptional("--wrangler", ["wrangler"], () => import("wrangler"));
  try {
    return unstable_readConfig({ config: file, env: environment }, { hideWarnings: true });
  } catch (error) {
    throw new UsageError(`${file}: ${messageOf(error)}`);
  }
}
