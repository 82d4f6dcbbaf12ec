// `countersign policy try` judges stored requests by a changed policy and by the current policy, and compares the verdicts.

import { dirname, join } from "node:path";
import { readAvailableSecrets } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { systemClock } from "../../../origin/clock.ts";
import { readSecret } from "../../../origin/node/secret-files.ts";
import { inFile } from "../../../origin/problems.ts";
import { parseWhole } from "../../arguments/values.ts";
import { parseOptions, UsageError } from "../../command.ts";
import { loadCrls } from "../../explain/crls.ts";
import { print, printJson } from "../../output.ts";
import { readPolicyDocument } from "../contents.ts";
import { eachEvent, observedCases } from "./cases.ts";
import { Tally, type Trial } from "./tally.ts";
import { formatTrial } from "./text.ts";
import type { TriedPolicy } from "./verdict.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  inbox: { type: "string" },
  last: { type: "string" },
  log: { type: "string", multiple: true },
  json: { type: "boolean", default: false },
} as const;

const DEFAULT_LAST = "1000";

/**
 * Resolves to 1 if the changed policy would refuse a request that the current policy accepts, to 2 if some requests cannot be
 * judged, and otherwise to 0.
 */
export async function tryOnStored(args: string[]): Promise<number> {
  const { values, positionals } = parseOptions(args, OPTIONS, true);
  const [file, ...rest] = positionals;
  if (file === undefined || rest.length > 0) throw new UsageError("policy try FILE: name the changed policy");
  const { log = [], last, json } = values;
  if (values.inbox === undefined && log.length > 0 && last !== undefined)
    throw new UsageError("--last needs --inbox: it counts stored events");
  const count = parseWhole("--last", last ?? DEFAULT_LAST, 1, 999_999);
  const inbox = values.inbox ?? (log.length === 0 ? "inbox.sqlite" : undefined);
  const now = systemClock();
  const crls = join(dirname(inbox ?? "inbox.sqlite"), "crls");
  const today = await load(values.policy, crls, now);
  const changed = await load(file, crls, now);
  const trial = new Tally(today, changed);
  const cases = observedCases(today.policy, inbox, log, now);
  if (inbox !== undefined) await eachEvent(inbox, count, (one) => trial.add(one));
  for (const one of cases) await trial.add(one);
  const result = trial.result();
  if (json) printJson({ ok: codeOf(result) === 0, ...result });
  else print(formatTrial(result));
  return codeOf(result);
}

function codeOf({ differences }: Trial): number {
  if (differences.some(({ what }) => what === "REFUSED")) return 1;
  return differences.some(({ what }) => what === "UNKNOWN") ? 2 : 0;
}

async function load(file: string, directory: string, at: number): Promise<TriedPolicy> {
  // The cast is safe: the next line compiles the document, and fails if the document is not a policy.
  const document = readPolicyDocument(file) as PolicyDocument;
  const policy = inFile(file, () => compilePolicy(document));
  const lists = await loadCrls(policy, { policyFile: file, directory, isFetching: false, at });
  return { file, document, policy, lists, available: readAvailableSecrets(policy, readSecret) };
}
