// Loads the revocation lists for an explanation. The lists come from the directory of an origin and from the files that the policy
// names. Changes nothing. Uses the network only if the user asks for it.

import { dirname } from "node:path";
import type { Policy } from "../../core/policy/policy.ts";
import { AUTHORITIES_KEY, authoritiesOf } from "../../core/revocation/authorities.ts";
import { keepCrls } from "../../core/revocation/keeping.ts";
import { indexLists, type RevocationLists } from "../../core/revocation/revocation.ts";
import {
  CRL_FETCH_DEADLINE_MILLISECONDS,
  CRL_REQUEST_HEADERS,
  describeCrl,
  isUrl,
  readCrlResponse,
} from "../../core/revocation/source.ts";
import { showUrl } from "../../core/url.ts";
import { MAX_CRL_BYTES } from "../../core/wire.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { Crl } from "../../core/x509/crl.ts";
import { readCrlContents } from "../../core/x509/crl-contents.ts";
import { nameOtherContents } from "../../origin/crls/contents.ts";
import { describeCause } from "../../origin/failure-cause.ts";
import { readCrlDirectory } from "../../origin/node/crl-directory.ts";

/** The lists that were found for one source of the policy. */
export interface CrlSourceState {
  readonly source: string;
  /** The place from which the lists in use come. Null if there are no lists. */
  readonly from: "kept" | "file" | "fetched" | null;
  readonly lists: readonly ReturnType<typeof describeCrl>[];
  /** The faults of the lists, or the reason why there are no lists. */
  readonly why: string | null;
}

export interface LoadedLists {
  readonly lists: RevocationLists;
  readonly sources: readonly CrlSourceState[];
  readonly sourceOf: ReadonlyMap<Crl, string>;
}

export interface CrlOptions {
  /** The policy file. Paths in the policy are relative to its directory. */
  readonly policyFile: string;
  /** The directory in which an origin keeps lists. */
  readonly directory: string;
  readonly isFetching: boolean;
  /** The time for which the lists are judged, in Unix seconds. */
  readonly at: number;
}

type Loaded = { readonly kept: readonly Crl[]; readonly state: CrlSourceState };
type Step = readonly [from: NonNullable<CrlSourceState["from"]>, read: () => Promise<Uint8Array | undefined>];

/**
 * Loads the lists of every source, as an origin does. Reads the stored lists first. Then reads the current lists of the source,
 * from a file or, if `isFetching` is set, from the network. keepCrls() decides which of the stored lists the current lists replace.
 */
export async function loadCrls(policy: Policy, options: CrlOptions): Promise<LoadedLists> {
  const stored = readCrlDirectory(options.directory, dirname(options.policyFile)).read(AUTHORITIES_KEY);
  const authorities = authoritiesOf(policy, await stored.catch(() => undefined));
  const loaded = await Promise.all(policy.crlSources.map((source) => loadSource(source, authorities, options)));
  const sourceOf = new Map(loaded.flatMap(({ kept, state }) => kept.map((list) => [list, state.source] as const)));
  return { lists: indexLists(sourceOf.keys()), sources: loaded.map(({ state }) => state), sourceOf };
}

async function loadSource(source: string, authorities: readonly Certificate[], options: CrlOptions): Promise<Loaded> {
  let kept: readonly Crl[] = [];
  let from: CrlSourceState["from"] = null;
  let why: string | null = null;
  for (const [step, read] of stepsOf(source, options)) {
    try {
      const bytes = await read();
      if (bytes === undefined) continue;
      const judges = { authorities, maxBytes: MAX_CRL_BYTES, now: options.at };
      const { lists, faults } = keepCrls(readCrlContents(bytes), kept, judges);
      if (lists !== kept) from = step;
      kept = lists;
      why = faults.length === 0 ? null : (nameOtherContents(bytes, showUrl(source)) ?? faults.join("; "));
    } catch (error) {
      why = describeCause(error);
    }
  }
  if (kept.length === 0) why ??= `not in ${options.directory}, and not fetched: see --fetch-crls`;
  return { kept, state: { source: showUrl(source), from, lists: kept.map((list) => describeCrl(list)), why } };
}

function stepsOf(source: string, { directory, policyFile, isFetching }: CrlOptions): Step[] {
  const storage = readCrlDirectory(directory, dirname(policyFile));
  const steps: Step[] = [["kept", () => storage.read(source)]];
  if (!isUrl(source)) steps.push(["file", async () => (await storage.readFile(source, {}))?.bytes]);
  else if (isFetching) steps.push(["fetched", () => fetchList(source)]);
  return steps;
}

async function fetchList(source: string): Promise<Uint8Array> {
  const response = await fetch(source, {
    headers: CRL_REQUEST_HEADERS,
    redirect: "manual",
    signal: AbortSignal.timeout(CRL_FETCH_DEADLINE_MILLISECONDS),
  });
  return await readCrlResponse(response, MAX_CRL_BYTES);
}
