// Opens the revocation lists of a running origin. Determines the directory in which the lists are stored, and the directory to
// which relative paths in the policy refer.

import { dirname, join } from "node:path";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { NO_LISTS } from "../../core/revocation/revocation.ts";
import { type CrlStore, openCrlStore } from "../crls/store.ts";
import { folderOfInbox } from "../inbox/location.ts";
import { openCrlDirectory } from "../node/crl-directory.ts";

export interface CrlSettings {
  /** The policy file. Paths in the policy are relative to its directory. */
  readonly policy: string;
  readonly inbox: string;
  /** The default is `crls` next to the inbox. */
  readonly crls?: string | undefined;
}

/**
 * Opens the lists. Resolves when each source has been requested once, but does not wait long for a slow source. Creates no
 * directory if the policy names no lists. The log lines about lists go to `warn`, and not to the log of decisions. They are not
 * decisions, and the first of them come before the ready line.
 */
export async function openCrls(
  policy: Policy,
  settings: CrlSettings,
  warn: (line: LogLine) => void,
): Promise<CrlStore> {
  if (policy.crlSources.length === 0)
    return {
      lists: () => NO_LISTS,
      lacking: () => [],
      ends: () => new Map(),
      refresh: async () => {},
      close: () => {},
    };
  const directory = settings.crls ?? join(folderOfInbox(settings.inbox), "crls");
  return await openCrlStore({ policy, storage: openCrlDirectory(directory, dirname(settings.policy)), log: warn });
}
