// Explains how the current policy judges a stored event and its sender. Core judges each requirement separately.

import { findCandidates } from "../../core/admission/admit.ts";
import type { Secrets, SenderSecrets } from "../../core/admission/candidate.ts";
import { type AvailableSecrets, type MissingSecrets, readAvailableSecrets } from "../../core/admission/secrets.ts";
import type { Policy, Route, Sender } from "../../core/policy/policy.ts";
import { REFUSALS, Refusal, type RefusalCode, resultOf } from "../../core/refusal.ts";
import { NO_LISTS, type RevocationLists } from "../../core/revocation/revocation.ts";
import { routeOf } from "../acknowledgement.ts";
import type { StoredEvent } from "../inbox/inbox.ts";
import { evidenceOf, type Question, readChain, type UnknownParts } from "./question.ts";
import { chainOf, platformOf, requestOf, withoutCheckedCredentials, withSender } from "./recalled.ts";
import { explainSender, type SenderExplanation, type Verdict } from "./senders.ts";

/** The policy, secrets and revocation lists by which stored events are judged. */
export interface JudgedBy {
  readonly policy: Policy;
  /** The secrets that this process has loaded. */
  readonly secrets: Secrets;
  /** Undefined if no revocation list is used. */
  readonly lists: RevocationLists | undefined;
}

export interface EventExplanation {
  readonly verdict: Verdict;
  readonly code: RefusalCode | null;
  /** The reason why the event is refused, or why this cannot be decided. */
  readonly why: string | null;
  /** The route of the request, or the reason why it has none. */
  readonly route: Route | Refusal;
  /** Undefined if the route does not admit the sender. */
  readonly sender: SenderExplanation | undefined;
  /**
   * The refusal of the certificate at the current time. Undefined if the certificate is not refused now. In contrast, the member
   * `sender` has the results for the time at which the event arrived.
   */
  readonly certificateNow: Refusal | undefined;
}

const UNKNOWN: UnknownParts = {
  credentials: "credentials are not stored",
  body: "the body is deleted",
  platform: "Cloudflare's verdict is not stored",
};

/**
 * Explains how the current policy judges the event at the time at which the event arrived. `now` (Unix seconds) is only for
 * `certificateNow`.
 */
export async function explainEvent(event: StoredEvent, by: JudgedBy, now: number): Promise<EventExplanation> {
  const route = resultOf(() => routeOf(by.policy, event));
  if (route instanceof Refusal) return { ...refusedBy(route), route, sender: undefined, certificateNow: undefined };
  const sender = route.senders.find(({ name }) => name === event.sender);
  const nothing = { route, sender: undefined, certificateNow: undefined };
  if (sender === undefined)
    return { verdict: "refused", code: null, why: `the route does not admit ${event.sender}`, ...nothing };
  if (isErased(event) && sender.certificate !== undefined)
    return { verdict: "undecided", code: null, why: "the certificate's bytes are deleted", ...nothing };
  const [question, asked] = questionOf(event, sender, by);
  const platform = question.platform === undefined ? undefined : { verified: question.platform, revoked: false };
  const certificate = resultOf(() => readChain(question, platform));
  const explained = await explainSender(asked, "sender", question, evidenceOf(question, certificate));
  const candidates = resultOf(() => findCandidates([asked], evidenceOf({ ...question, at: now }, certificate)));
  const { verdict, code, why } = explained;
  return {
    ...(isTooLarge(event, route) ? refusedBy(new Refusal("body_too_large")) : { verdict, code, why }),
    ...{ route, sender: explained },
    certificateNow: candidates instanceof Refusal ? candidates : undefined,
  };
}

function refusedBy({ code }: Refusal) {
  return { verdict: "refused" as const, code, why: REFUSALS[code][1] };
}

export function isTooLarge({ body }: StoredEvent, { maxBodyBytes }: Route): boolean {
  return body !== undefined && body.byteLength > maxBodyBytes;
}

function isErased(event: StoredEvent): boolean {
  return event.certificate !== undefined && chainOf(event) === undefined;
}

/**
 * Returns the question, and the sender that is judged. Both leave out what cannot be checked again: credentials that were
 * checked before the event was stored, and revocation lists if none are used here.
 */
function questionOf(event: StoredEvent, sender: Sender, by: JudgedBy): [Question, Sender] {
  const request = requestOf(event);
  const wanted = by.lists === undefined ? withoutLists(sender) : sender;
  const listed = withSender(by.policy, sender, wanted);
  const { policy, passedBefore } = withoutCheckedCredentials(listed, request.headers, event);
  const asked = policy.senders.find(({ name }) => name === sender.name) ?? wanted;
  const question = {
    ...{ policy, passedBefore, request, at: event.acceptedAt, unknown: UNKNOWN },
    chain: chainOf(event),
    platform: platformOf(event),
    lists: { lists: by.lists ?? NO_LISTS, sourceOf: new Map() },
    available: availableTo(policy, asked, by.secrets.get(sender)),
  };
  return [question, asked];
}

/**
 * Removes the revocation lists from the sender's rules, for a judgement that uses no lists. This process may have no lists, or they
 * may have changed since the event arrived.
 */
export function withoutLists(sender: Sender): Sender {
  if (sender.certificate === undefined) return sender;
  const { trust, allowlist } = sender.certificate;
  const anchors = trust.anchors.map((anchor) => ({ ...anchor, revocation: undefined }));
  return { ...sender, certificate: { allowlist, trust: { ...trust, anchors } } };
}

/** Returns the secrets of one sender. If the secrets of a factor are not loaded here, each of them counts as missing. */
function availableTo(policy: Policy, sender: Sender, loaded: ReturnType<Secrets["get"]>): AvailableSecrets {
  const none = readAvailableSecrets({ ...policy, senders: [sender] }, () => {
    throw new Error("it is not loaded here");
  });
  const lacking = none.missing.get(sender);
  const empty = none.secrets.get(sender);
  const held = {
    signature: loaded?.signature ?? empty?.signature,
    basic: loaded?.basic ?? empty?.basic,
    token: loaded?.token ?? empty?.token,
    // A stored event is no challenge, so this secret is never read.
    handshake: undefined,
  };
  const lackingOf = (factor: keyof SenderSecrets): MissingSecrets =>
    (loaded?.[factor] === undefined && lacking?.[factor]) || new Map();
  const missing = {
    signature: lackingOf("signature"),
    basic: lackingOf("basic"),
    token: lackingOf("token"),
    handshake: new Map(),
  };
  return { secrets: new Map([[sender, held]]), missing: new Map([[sender, missing]]) };
}
