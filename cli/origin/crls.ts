// The revocation lists of `countersign origin`: where they are stored, and to what the policy's relative paths refer.

import { dirname, join } from "node:path";
import type { LogLine } from "../../core/log-line.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { NO_LISTS } from "../../core/revocation/revocation.ts";
import { type CrlStore, openCrlStore } from "../../origin/crls/store.ts";
import { folderOfInbox } from "../../origin/inbox/location.ts";
import { openCrlDirectory } from "../../origin/node/crl-directory.ts";
import { complainLogLine } from "../output.ts";

export interface CrlSettings {
  /** The policy file. Paths in the policy are relative to its directory. */
  readonly policy: string;
  readonly inbox: string;
  /** Default: `crls` next to the inbox. */
  readonly crls?: string | undefined;
}

export const CRLS_HELP = `
  --crls DIR        keeps the revocation lists that the policy names (default crls, next to the inbox)`;

/**
 * Resolves after every source was requested, or is too slow. Creates no directory if the policy names no lists. By default its
 * lines go to stderr: they are not decisions, and the first come before the ready line.
 */
export async function openCrls(
  policy: Policy,
  settings: CrlSettings,
  log: (line: LogLine) => void = complainLogLine,
): Promise<CrlStore> {
  if (policy.crlSources.length === 0)
    return { lists: () => NO_LISTS, lacking: () => [], refresh: async () => {}, close: () => {} };
  const directory = settings.crls ?? join(folderOfInbox(settings.inbox), "crls");
  return await openCrlStore({ policy, storage: openCrlDirectory(directory, dirname(settings.policy)), log });
}
