// Judges one stored request by one of two policies that are compared. The code of `explain` makes the verdict, with the origin's
// own middleware. If a check needs something that was not stored, there is usually no verdict. But if the rule of the check is the
// same in the two policies, the check counts as passed, because it passed when the event arrived.

import { isDeepStrictEqual } from "node:util";
import { type AvailableSecrets, readAvailableSecrets } from "../../../core/admission/secrets.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { RefusalCode } from "../../../core/refusal.ts";
import { withoutCheckedCredentials } from "../../../origin/explain/recalled.ts";
import type { SenderExplanation } from "../../../origin/explain/senders.ts";
import { readSecret } from "../../../origin/node/secret-files.ts";
import type { LoadedLists } from "../../explain/crls.ts";
import { judge } from "../../explain/explanation.ts";
import type { TrialCase } from "./cases.ts";

/** A policy, with everything that is needed to judge a request by this policy. */
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
  /** The reason why the request is refused or cannot be judged. */
  readonly why: string | null;
  /** True if the signature or the credentials count as valid because they passed when the event arrived. */
  readonly isTakenOver: boolean;
}

/**
 * Judges a request by the policy `tried`. `others` is the policy with which `tried` is compared. A rule that is the same in both
 * policies need not be checked again, because it passed when the event arrived.
 */
export async function tryPolicy(one: TrialCase, tried: TriedPolicy, others: TriedPolicy): Promise<TrialVerdict> {
  if (one.lacking !== undefined) return unknown(one.lacking);
  const { event } = one;
  const isSameRuleOf = (factor: "basic" | "token" | "signature" | "body") =>
    event !== undefined && isSameRule(event.sender, factor, tried, others);
  const isCredentialSame = isSameRuleOf("basic") && isSameRuleOf("token");
  const { policy, passedBefore } = isCredentialSame
    ? withoutCheckedCredentials(tried.policy, one.request.headers, event)
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
    return {
      ...outcome,
      verdict: outcome.verdict,
      isTakenOver: (passedBefore?.usernames?.length ?? 0) > 0 || passedBefore?.token !== undefined,
    };
  const isSame = isCredentialSame && isSameRuleOf("signature") && isSameRuleOf("body");
  if (isSame && event !== undefined && isOpenByFactors(senders.find(({ sender }) => sender === event.sender)))
    return { ...ACCEPTED, sender: event.sender, isTakenOver: true };
  // For an observed request, only the certificate was recorded. So only the certificate is judged.
  if (one.kind === "certificate" && senders.some(({ certificate }) => certificate?.verdict === "accepted"))
    return { ...ACCEPTED, sender: null, isTakenOver: true };
  return unknown(outcome.why ?? "it cannot be judged here");
}

/**
 * Returns the reason why there can be no verdict: something that the verdict needs was not stored. Undefined if nothing is missing.
 */
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
    return "its body is erased, and the route accepts only smaller bodies than before";
  return code === null ? undefined : NOT_KEPT[code];
}

/** Returns true if only the signature or the credentials are undecided, and not the certificate. */
function isOpenByFactors(facts: SenderExplanation | undefined): boolean {
  return facts?.verdict === "undecided" && facts.certificate?.verdict !== "undecided";
}

const ACCEPTED = { verdict: "accepted", code: null, why: null } as const;

function unknown(why: string): TrialVerdict {
  return { verdict: "unknown", sender: null, code: null, why, isTakenOver: false };
}

/** The refusals that depend on something that is not stored with a request. */
const NOT_KEPT: Readonly<Partial<Record<RefusalCode, string>>> = {
  signature_stale: "its signature has a time, and the time at which the edge received it is not stored",
  revocation_unknown: "the revocation lists of that time are not stored",
};

function isSameRule(
  sender: string,
  factor: "basic" | "token" | "signature" | "body",
  one: TriedPolicy,
  other: TriedPolicy,
): boolean {
  const [a, b] = [one, other].map(({ policy }) => policy.senders.find(({ name }) => name === sender));
  return a !== undefined && b !== undefined && isDeepStrictEqual(a[factor], b[factor]);
}

function isSmaller({ policy }: TriedPolicy, others: TriedPolicy, path: string | undefined): boolean {
  const [here, there] = [policy, others.policy].map(({ routes }) => routes.find((route) => route.path === path));
  return here !== undefined && here.maxBodyBytes < (there?.maxBodyBytes ?? 0);
}
