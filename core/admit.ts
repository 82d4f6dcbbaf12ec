// Which sender of the route a request is from: the one place where proofs turn into permission. Step by step the senders
// that it may be become fewer: by certificate, by Basic credentials, and, over the body, by signature.
// A factor that a sender's policy names is never passed over.

import type { Allowlist, AllowlistEntry } from "./allowlist.ts";
import { verifyBasic } from "./basic.ts";
import type { AdmittedSender, Candidate, Evidence, Factor, Secrets, SenderSecrets } from "./candidate.ts";
import type { Certificate } from "./certificate.ts";
import type { Route, Sender } from "./policy.ts";
import type { ClientCertificate } from "./presented-certificate.ts";
import { Refusal } from "./refusal.ts";
import { methodOf, SignedRequest, verifySignature } from "./signature.ts";
import { type ProvenCertificate, verifyTrust } from "./trust.ts";
import { DIAGNOSED_ENTRIES } from "./wire.ts";

const needsCertificate = ({ certificate }: Sender): boolean => certificate !== undefined;

/** The certificate of a request, or why there is none; not read at all where no sender of the route needs one. */
export function readCertificateFor(
  { senders, shadow }: Route,
  read: () => ClientCertificate,
): ClientCertificate | Refusal | undefined {
  if (!senders.some(needsCertificate) && !shadow.some(needsCertificate)) return undefined;
  try {
    return read();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Where the proof of a certificate is left for whoever tells of the request. */
export interface ProofTrace {
  /** Set by findCandidates alone, when verifyTrust has proven the certificate for a sender: no verdict implies it. */
  proven?: ProvenCertificate;
}

/**
 * The senders that the certificate leaves: those that it proves and matches, and those that need none. In the given order.
 * @throws Refusal why the certificate is nobody's, when no sender is left
 */
export function findCandidates(
  senders: readonly Sender[],
  { certificate, facts }: Evidence,
  trace: ProofTrace = {},
): Candidate[] {
  if (certificate instanceof Refusal) return admitWithoutCertificate(senders, certificate);
  if (certificate === undefined) return senders.flatMap(withoutCertificate);
  try {
    const proven = verifyTrust(certificate, senders, facts);
    // Without proofs no sender asked: nobody has looked at who signed it.
    if (proven.proofs.size > 0) trace.proven = proven;
    return admitByCertificate(proven, senders, facts.now);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return admitWithoutCertificate(senders, error);
  }
}

/**
 * Keeps the senders for which the certificate is proven and an entry matches, and those that need no certificate.
 * @throws Refusal `sender_not_allowed`, naming the entry that came nearest and the members in which it failed
 */
export function admitByCertificate(proven: ProvenCertificate, senders: readonly Sender[], now: number): Candidate[] {
  const { certificate, proofs } = proven;
  const { leaf } = certificate;
  const candidates = senders.flatMap((sender): Candidate[] => {
    if (sender.certificate === undefined) return withoutCertificate(sender);
    const proof = proofs.get(sender);
    if (proof === undefined) return [];
    const entries = sender.certificate.allowlist.candidates(leaf);
    const isMatch = entries.some(([, matcher]) => matcher.failures(leaf, now).length === 0);
    return isMatch ? [{ sender, certified: { certificate, proof }, factors: ["mtls"], reliedOnEdge: [] }] : [];
  });
  if (candidates.length > 0) return candidates;
  const nearMiss = findNearMiss([...proofs.keys()], leaf, now);
  throw new Refusal("sender_not_allowed", { nearMiss, anchors: [...proofs.values()].map(({ anchor }) => anchor) });
}

/** Keeps the senders that need no certificate. @throws Refusal `failure` when there are none */
export function admitWithoutCertificate(senders: readonly Sender[], failure: Refusal): Candidate[] {
  const candidates = senders.flatMap(withoutCertificate);
  if (candidates.length === 0) throw failure;
  return candidates;
}

function withoutCertificate(sender: Sender): Candidate[] {
  return sender.certificate === undefined ? [{ sender, certified: undefined, factors: [], reliedOnEdge: [] }] : [];
}

/**
 * Keeps the candidates that need no Basic credentials, or whose own the request carries. Costs no body.
 * @throws Refusal `basic_*` of the first candidate when none is left
 */
export function admitByBasic(candidates: readonly Candidate[], { headers, secrets }: Evidence): readonly Candidate[] {
  let failure: Refusal | undefined;
  const passing = candidates.flatMap((candidate) => {
    const { sender, factors } = candidate;
    if (sender.basic.length === 0 || factors.includes("basic")) return [candidate];
    try {
      verifyBasic(secretsOf(sender, secrets, "basic"), headers.get("authorization"));
      return [{ ...candidate, factors: [...factors, "basic" as const] }];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      failure ??= error;
      return [];
    }
  });
  if (passing.length === 0 && failure !== undefined) throw failure;
  return passing;
}

/**
 * The first candidate that needs no signature, or that signed these bytes. Why the first's signature does not match is
 * looked for when there is none.
 * @throws Refusal `signature_*` of the first candidate when there is none
 */
export async function admitBySignature(
  candidates: readonly Candidate[],
  body: Uint8Array<ArrayBuffer>,
  { headers, secrets, receivedAt }: Evidence,
): Promise<AdmittedSender> {
  const request = new SignedRequest(headers, body, receivedAt);
  for (const candidate of candidates) {
    const { sender, factors } = candidate;
    const isSigned = factors.includes("hmac") || factors.includes("ed25519");
    if (sender.signature === undefined || isSigned) return candidate as AdmittedSender;
    const keys = secrets.get(sender)?.signature;
    const method = keys && methodOf(keys, request);
    if (method !== undefined) return { ...candidate, factors: [...factors, method] } as unknown as AdmittedSender;
  }
  const [first] = candidates;
  if (first !== undefined) await verifySignature(secretsOf(first.sender, secrets, "signature"), request);
  throw new Refusal("sender_not_allowed");
}

/**
 * Of the candidates the one that the edge's assertion names. A factor whose secret is not held here stands on the edge's
 * word (`amr`) and is named in `reliedOnEdge`; Basic always does, because credentials are not forwarded.
 * @throws Refusal `sender_mismatch`, `factor_missing`
 */
export function relyOnEdge(
  candidates: readonly Candidate[],
  { sender: name, amr }: { readonly sender: string; readonly amr: readonly string[] },
  secrets: Secrets,
): Candidate {
  const candidate = candidates.find(({ sender }) => sender.name === name);
  if (candidate === undefined) {
    throw new Refusal("sender_mismatch", { edge: name, origin: candidates.map(({ sender }) => sender.name) });
  }
  const { sender, factors } = candidate;
  const relied: Factor[] = [];
  const rely = (...accepted: readonly Factor[]) => {
    const passed = accepted.find((factor) => amr.includes(factor));
    if (passed === undefined) throw new Refusal("factor_missing", { sender: name, factor: accepted.join(" or "), amr });
    relied.push(passed);
  };
  if (sender.basic.length > 0) rely("basic");
  if (sender.signature !== undefined && secrets.get(sender)?.signature === undefined) rely("hmac", "ed25519");
  return { ...candidate, factors: [...factors, ...relied], reliedOnEdge: relied };
}

/** Start-up refuses a policy whose secrets are missing: here nothing passes by a check that cannot be made. */
function secretsOf<Kind extends keyof SenderSecrets>(
  sender: Sender,
  secrets: Secrets,
  kind: Kind,
): NonNullable<SenderSecrets[Kind]> {
  const loaded = secrets.get(sender)?.[kind];
  if (loaded !== undefined) return loaded as NonNullable<SenderSecrets[Kind]>;
  throw new Refusal("misconfigured", { problems: [`the ${kind} secrets of ${sender.name} are not loaded`] });
}

/** The entry that came nearest, of those that share something with the certificate and of the first ones: a bounded number. */
function findNearMiss(senders: readonly Sender[], leaf: Certificate, now: number) {
  let nearest: { sender: string; entry: number; failed: readonly string[] } | undefined;
  const compared = [
    ...firstEntries(senders, (allowlist) => allowlist.candidates(leaf)),
    ...firstEntries(senders, ({ matchers }) => matchers.entries()),
  ];
  for (const [sender, entry, matcher] of compared) {
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

/** The facts of a certificate that a log line or a record may carry. */
export function describeCertificate({ leaf }: ClientCertificate) {
  return {
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    serial: leaf.serial,
    sha256: leaf.sha256,
    spkiSha256: leaf.spkiSha256,
  };
}
