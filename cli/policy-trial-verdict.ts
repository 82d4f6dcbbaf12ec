// What one policy says of one stored request: the verdict of the code that explains verdicts, which asks the origin's own middleware.
// Where it rests on what is not stored it is no verdict, unless that was checked when the event came, by a rule that is still the same.

import { isDeepStrictEqual } from "node:util";
import type { Policy } from "../core/policy.ts";
import type { PolicyDocument } from "../core/policy-schema.ts";
import type { RefusalCode } from "../core/refusal.ts";
import { type AvailableSecrets, readAvailableSecrets } from "../core/secrets.ts";
import { readSecret } from "../origin/node/secret-files.ts";
import type { LoadedLists } from "./explain-crls.ts";
import type { SenderFacts } from "./explain-senders.ts";
import { withoutCheckedCredentials } from "./explain-source.ts";
import { judge } from "./explanation.ts";
import type { TrialCase } from "./policy-trial-cases.ts";

/** A policy with what it is judged by. */
export interface TriedPolicy {
  readonly file: string;
  readonly document: PolicyDocument;
  readonly policy: Policy;
  readonly lists: LoadedLists;
  readonly available: AvailableSecrets;
}

export interface TrialVerdict {
  readonly verdict: "accepted" | "refused" | "unknown";
  readonly sender: string | null;
  readonly code: RefusalCode | null;
  /** Why it is refused, or why it cannot be judged. */
  readonly why: string | null;
  /** Whether a signature or credentials were taken as they passed when the event came. */
  readonly isTakenOver: boolean;
}

/** `others` is the policy that this one is compared with: what both ask alike need not be asked again. */
export async function tryPolicy(one: TrialCase, tried: TriedPolicy, others: TriedPolicy): Promise<TrialVerdict> {
  if (one.lacking !== undefined) return unknown(one.lacking);
  const { event } = one;
  const isBasicSame = event !== undefined && isSameRule(event.sender, "basic", tried, others);
  const { policy, passedBefore } = isBasicSame
    ? withoutCheckedCredentials(tried.policy, one.request, event)
    : { policy: tried.policy, passedBefore: undefined };
  const judged = await judge({
    ...{ document: tried.document, lists: tried.lists, policy, passedBefore },
    ...{ chain: one.chain, request: one.request, at: one.at, unknown: one.unknown, platform: one.platform },
    available: policy === tried.policy ? tried.available : readAvailableSecrets(policy, readSecret),
    askOpenssl: () => Promise.resolve({ why: "it is not asked for stored requests" }),
  });
  const { outcome, senders } = judged;
  const lacking = lackingFor(one, judged, tried, others);
  if (lacking !== undefined) return unknown(lacking);
  if (outcome.verdict !== "undecided")
    return { ...outcome, verdict: outcome.verdict, isTakenOver: (passedBefore?.usernames.length ?? 0) > 0 };
  const isSame = isBasicSame && isSameRule(event.sender, "signature", tried, others);
  if (isSame && isOpenByFactors(senders.find(({ sender }) => sender === event.sender)))
    return { ...ACCEPTED, sender: event.sender, isTakenOver: true };
  // Of an observed request nothing else is known: its certificate is what the two policies are compared by.
  if (one.kind === "certificate" && senders.some(({ certificate }) => certificate?.verdict === "accepted"))
    return { ...ACCEPTED, sender: null, isTakenOver: true };
  return unknown(outcome.why ?? "it cannot be judged here");
}

/** What a verdict would rest on that is not stored; undefined where it rests on nothing of the kind. */
function lackingFor(
  { chain, platform, request, event }: TrialCase,
  { route, outcome: { verdict, code } }: Awaited<ReturnType<typeof judge>>,
  tried: TriedPolicy,
  others: TriedPolicy,
): string | undefined {
  const asksPlatform = route?.senders.some(({ certificate }) => certificate?.trust.platform) ?? false;
  if (asksPlatform && chain !== undefined && platform === undefined && verdict !== "accepted")
    return "Cloudflare's verdict on its certificate is not stored";
  const isErased = event !== undefined && request.body === undefined;
  if (verdict !== "refused" && isErased && isSmaller(tried, others, route?.path))
    return "its body is erased, and the route takes less than before";
  return code === null ? undefined : NOT_KEPT[code];
}

/** By its signature or its credentials, and by nothing of its certificate. */
function isOpenByFactors(facts: SenderFacts | undefined): boolean {
  return facts?.verdict === "undecided" && facts.certificate?.verdict !== "undecided";
}

const ACCEPTED = { verdict: "accepted", code: null, why: null } as const;

function unknown(why: string): TrialVerdict {
  return { verdict: "unknown", sender: null, code: null, why, isTakenOver: false };
}

/** Refusals that rest on what is not kept of a request. */
const NOT_KEPT: Readonly<Partial<Record<RefusalCode, string>>> = {
  signature_stale: "when the edge had it is not stored, and its signature has a time",
  revocation_unknown: "the revocation lists of its time are not kept",
};

function isSameRule(sender: string, factor: "basic" | "signature", one: TriedPolicy, other: TriedPolicy): boolean {
  const [a, b] = [one, other].map(({ policy }) => policy.senders.find(({ name }) => name === sender));
  return a !== undefined && b !== undefined && isDeepStrictEqual(a[factor], b[factor]);
}

function isSmaller({ policy }: TriedPolicy, others: TriedPolicy, path: string | undefined): boolean {
  const [here, there] = [policy, others.policy].map(({ routes }) => routes.find((route) => route.path === path));
  return here !== undefined && here.maxBodyBytes < (there?.maxBodyBytes ?? 0);
}
