// Decides which sender of the route sent a request. No other file decides this. Each step removes senders from the list of possible
// senders: first by certificate, then by the credentials in the headers, then by the body: its signature, its token and its values.
// A sender is admitted only if every factor that the policy requires of this sender has passed.

import type { Allowlist, AllowlistEntry } from "../policy/allowlist.ts";
import type { CertificateMatcher } from "../policy/matcher.ts";
import type { Route, Sender } from "../policy/policy.ts";
import { OriginRefusal, Refusal, refusalOf, resultOf } from "../refusal.ts";
import { methodOf, SignedRequest, verifyWebhookSignature } from "../signature/verify.ts";
import { type ProvenCertificate, verifyTrust } from "../trust/verify.ts";
import { DIAGNOSED_ENTRIES } from "../wire.ts";
import type { Certificate } from "../x509/certificate.ts";
import type { ClientCertificate } from "../x509/client-certificate.ts";
import { verifyBasic } from "./basic.ts";
import { listRule, MatchedBody } from "./body.ts";
import type { AdmittedSender, Candidate, Evidence, Factor, Secrets, SenderSecrets } from "./candidate.ts";
import { tokenInBody, verifyToken } from "./token.ts";

const needsCertificate = ({ certificate }: Sender): boolean => certificate !== undefined;

/**
 * Returns the certificate of the request, or the Refusal that says why there is none. If no sender of the route needs a
 * certificate, reads nothing and returns undefined.
 */
export function readCertificateFor(
  { senders, shadow }: Route,
  read: () => ClientCertificate,
): ClientCertificate | Refusal | undefined {
  return senders.some(needsCertificate) || shadow.some(needsCertificate) ? resultOf(read) : undefined;
}

/** Records for the log whether the certificate was proven. */
export interface ProofTrace {
  /**
   * The certificate. It is set if verifyTrust proved it for at least one sender, and it stays set if the request is refused
   * afterwards.
   */
  proven?: ProvenCertificate;
}

/**
 * Keeps the senders for which the certificate is proven and matches, and the senders that need no certificate. Keeps the order of
 * the senders.
 * @throws Refusal that says why no sender accepts the certificate, when no sender is left
 */
export function findCandidates(
  senders: readonly Sender[],
  { certificate, facts }: Evidence,
  trace: ProofTrace = {},
): Candidate[] {
  if (certificate instanceof Refusal) return admitWithoutCertificate(senders, certificate);
  if (certificate === undefined) return senders.flatMap(withoutCertificate);
  const candidates = resultOf(() => {
    const proven = verifyTrust(certificate, senders, facts);
    // `proofs` is empty only if no sender of the route needs a certificate. Then nobody checked who signed the certificate, so it
    // is not recorded as proven.
    if (proven.proofs.size > 0) trace.proven = proven;
    return admitByCertificate(proven, senders, facts.now);
  });
  return candidates instanceof Refusal ? admitWithoutCertificate(senders, candidates) : candidates;
}

/**
 * Keeps the senders for which the certificate is proven and an entry matches, and the senders that need no certificate.
 * @throws Refusal `sender_not_allowed`, which names the entry that matches best, and the members of that entry that do not match
 */
export function admitByCertificate(proven: ProvenCertificate, senders: readonly Sender[], now: number): Candidate[] {
  const { certificate, proofs } = proven;
  const { leaf } = certificate;
  const candidates = senders.flatMap((sender): Candidate[] => {
    if (sender.certificate === undefined) return withoutCertificate(sender);
    const proof = proofs.get(sender);
    if (proof === undefined) return [];
    const entries = sender.certificate.allowlist.entriesFor(leaf);
    const isMatch = entries.some(([, matcher]) => mayAccept(matcher, leaf) && matcher.failures(leaf, now).length === 0);
    return isMatch ? [{ sender, certified: { certificate, proof }, factors: ["mtls"], reliedOnEdge: [] }] : [];
  });
  if (candidates.length > 0) return candidates;
  const nearMiss = findNearMiss([...proofs.keys()], leaf, now);
  throw new Refusal("sender_not_allowed", { nearMiss, anchors: [...proofs.values()].map(({ anchor }) => anchor) });
}

/** False if the certificate is a CA certificate and the entry has a subject, an issuer or a SAN. */
function mayAccept({ isPin }: CertificateMatcher, { isCa }: Certificate): boolean {
  return isPin || !isCa;
}

/** Keeps the senders that need no certificate. @throws Refusal `failure` if no sender is left */
export function admitWithoutCertificate(senders: readonly Sender[], failure: Refusal): Candidate[] {
  const candidates = senders.flatMap(withoutCertificate);
  if (candidates.length === 0) throw failure;
  return candidates;
}

function withoutCertificate(sender: Sender): Candidate[] {
  return sender.certificate === undefined ? [withoutFactors(sender)] : [];
}

/** Returns the sender as a candidate for which nothing was checked. */
export function withoutFactors(sender: Sender): Candidate {
  return { sender, certified: undefined, factors: [], reliedOnEdge: [] };
}

/**
 * Keeps the candidates that need no credentials, and those whose Basic credentials and token are in the headers of the request. A
 * token in the body is checked later, by admitBySignature.
 * @throws Refusal `basic_*` or `token_*` of the first candidate that fails, if no candidate is left
 */
export function admitByCredentials(
  candidates: readonly Candidate[],
  { headers, secrets }: Evidence,
): readonly Candidate[] {
  let failure: Refusal | undefined;
  const passing = candidates.flatMap((candidate) => {
    const { sender, factors } = candidate;
    const passed: Factor[] = [];
    const refusal = refusalOf(() => {
      if (sender.basic.length > 0 && !factors.includes("basic")) {
        verifyBasic(secretsOf(sender, secrets, "basic"), headers.get("authorization"));
        passed.push("basic");
      }
      if (sender.token?.header !== undefined && !factors.includes("token")) {
        verifyToken(secretsOf(sender, secrets, "token"), sender.token.header, headers);
        passed.push("token");
      }
    });
    failure ??= refusal;
    if (refusal !== undefined) return [];
    return [passed.length === 0 ? candidate : { ...candidate, factors: [...factors, ...passed] }];
  });
  if (passing.length === 0 && failure !== undefined) throw failure;
  return passing;
}

/**
 * Returns the first candidate for which two conditions hold. First, the candidate needs no signature, or its key signed the body.
 * Second, the body satisfies the candidate's rules. If the first condition holds for no candidate, verifies the signature of the
 * first candidate again, to find out why it fails.
 * @throws Refusal `content_*`, `json_*` or `token_mismatch` of the first candidate for which only the second condition fails. If
 * there is no such candidate, `signature_*` of the first candidate
 */
export async function admitBySignature(
  candidates: readonly Candidate[],
  body: Uint8Array<ArrayBuffer>,
  { headers, secrets, receivedAt }: Evidence,
): Promise<AdmittedSender> {
  const request = new SignedRequest(headers, body, receivedAt);
  const matched = new MatchedBody(headers, body);
  for (const candidate of candidates) {
    const passed = factorsOfBody(candidate, request, matched, secrets);
    if (passed === undefined) continue;
    const admitted = passed.length === 0 ? candidate : { ...candidate, factors: [...candidate.factors, ...passed] };
    return admitted as AdmittedSender;
  }
  if (matched.failure !== undefined) throw matched.failure;
  const [first] = candidates;
  if (first !== undefined) await verifyWebhookSignature(secretsOf(first.sender, secrets, "signature"), request);
  throw new Refusal("sender_not_allowed");
}

/** Returns the factors of the candidate that the body proves, or undefined if the body lacks something that the policy requires. */
function factorsOfBody(
  { sender, factors }: Candidate,
  request: SignedRequest,
  matched: MatchedBody,
  secrets: Secrets,
): readonly Factor[] | undefined {
  const passed: Factor[] = [];
  if (sender.signature !== undefined && !factors.includes("hmac") && !factors.includes("ed25519")) {
    const keys = secrets.get(sender)?.signature;
    const method = keys && methodOf(keys, request);
    if (method === undefined) return undefined;
    passed.push(method);
  }
  const rules = sender.body.map(listRule);
  if (sender.token?.pointer !== undefined && !factors.includes("token")) {
    rules.unshift(tokenInBody(secretsOf(sender, secrets, "token"), sender.token.pointer));
    passed.push("token");
  }
  return matched.satisfies(rules) ? passed : undefined;
}

/**
 * Returns the candidate that the edge's assertion names. If this program does not hold the secret of a factor, it relies on the
 * edge, which lists the checked factors in `amr`. `reliedOnEdge` names the factors that only the edge checked. If the policy
 * requires Basic credentials or a token, these factors are always in `reliedOnEdge`: the edge does not forward headers with
 * credentials, and a token in the body is not checked again.
 * @throws Refusal `sender_mismatch`, `factor_missing`
 */
export function relyOnEdge(
  candidates: readonly Candidate[],
  { sender: name, amr }: { readonly sender: string; readonly amr: readonly string[] },
  secrets: Secrets,
): Candidate {
  const candidate = candidates.find(({ sender }) => sender.name === name);
  if (candidate === undefined) {
    throw new OriginRefusal("sender_mismatch", { edge: name, origin: candidates.map(({ sender }) => sender.name) });
  }
  const { sender, factors } = candidate;
  const relied: Factor[] = [];
  const rely = (...accepted: readonly Factor[]) => {
    const passed = accepted.find((factor) => amr.includes(factor));
    if (passed === undefined)
      throw new OriginRefusal("factor_missing", { sender: name, factor: accepted.join(" or "), amr });
    relied.push(passed);
  };
  if (sender.basic.length > 0) rely("basic");
  if (sender.token !== undefined) rely("token");
  if (sender.signature !== undefined && secrets.get(sender)?.signature === undefined) rely("hmac", "ed25519");
  return { ...candidate, factors: [...factors, ...relied], reliedOnEdge: relied };
}

/**
 * Returns the secrets of one factor. Start-up refuses a policy whose secrets are missing. If a secret is missing here nevertheless,
 * the request is refused, because a check that cannot be made must not pass.
 */
function secretsOf<Kind extends keyof SenderSecrets>(
  sender: Sender,
  secrets: Secrets,
  kind: Kind,
): NonNullable<SenderSecrets[Kind]> {
  const loaded = secrets.get(sender)?.[kind];
  if (loaded !== undefined) return loaded as NonNullable<SenderSecrets[Kind]>;
  throw new Refusal("misconfigured", { problems: [`the ${kind} secrets of ${sender.name} are not loaded`] });
}

/**
 * Finds the entry with the fewest members that do not match. Compares a limited number of entries: first the entries that share a
 * value with the certificate, then the first entries of the policy.
 */
function findNearMiss(senders: readonly Sender[], leaf: Certificate, now: number) {
  let nearest: { sender: string; entry: number; failed: readonly string[] } | undefined;
  const compared = [
    ...firstEntries(senders, (allowlist) => allowlist.entriesFor(leaf)),
    ...firstEntries(senders, ({ matchers }) => matchers.entries()),
  ];
  for (const [sender, entry, matcher] of compared) {
    if (!mayAccept(matcher, leaf)) continue;
    const failed = matcher.failures(leaf, now);
    if (nearest === undefined || failed.length < nearest.failed.length) nearest = { sender, entry, failed };
  }
  return nearest;
}

function firstEntries(senders: readonly Sender[], entriesOf: (allowlist: Allowlist) => Iterable<AllowlistEntry>) {
  const entries: [sender: string, ...AllowlistEntry][] = [];
  for (const { name, certificate } of senders) {
    for (const entry of certificate === undefined ? [] : entriesOf(certificate.allowlist)) {
      if (entries.length === DIAGNOSED_ENTRIES) return entries;
      entries.push([name, ...entry]);
    }
  }
  return entries;
}
