// Explains how one sender of a route is judged for a request. Core judges the factors that the policy requires of this sender one
// by one.

import { findCandidates } from "../../core/admission/admit.ts";
import { verifyBasic } from "../../core/admission/basic.ts";
import { listRule, MatchedBody, type TextRule } from "../../core/admission/body.ts";
import type { Evidence } from "../../core/admission/candidate.ts";
import { tokenInBody, verifyToken } from "../../core/admission/token.ts";
import { formatPointer } from "../../core/configuration-error.ts";
import type { Sender, SignatureRule, TokenRule } from "../../core/policy/policy.ts";
import { Refusal, type RefusalCode, resultOf } from "../../core/refusal.ts";
import { SIGNATURE_SCHEMES, signatureHeaderNames } from "../../core/signature/schemes.ts";
import { SignedRequest, verifyWebhookSignature } from "../../core/signature/verify.ts";
import { type Proof, verifyTrust } from "../../core/trust/verify.ts";
import { compareEntries, type EntryExplanation } from "./entries.ts";
import { describePath, type Fault, faultOf, type PathExplanation } from "./path.ts";
import type { Question } from "./question.ts";

/** The result of a check. `undecided` means that this process cannot make the check. Then `unchecked` says why. */
export type Verdict = "accepted" | "refused" | "undecided";

interface FactorVerdict {
  readonly verdict: Verdict;
  readonly fault: Fault | null;
  readonly unchecked: readonly string[];
}

export interface CertificateFactor extends FactorVerdict {
  readonly trust: {
    readonly holds: boolean;
    readonly anchor: string | null;
    readonly fault: Fault | null;
    /** The revocation list that was missing or not current, if the rule `prefer` accepts this. Otherwise null. */
    readonly revocation: string | null;
    readonly path: PathExplanation | null;
  } | null;
  readonly entries: readonly EntryExplanation[];
}

export interface SignatureFactor extends FactorVerdict {
  readonly scheme: string;
  readonly headers: readonly string[];
  /** The names of the secrets that were tried as keys. */
  readonly keys: readonly string[];
  readonly method: string | null;
}

export interface BasicFactor extends FactorVerdict {
  readonly usernames: readonly string[];
  /** True if the factor passed when the event was stored. Credentials are not stored, so they cannot be checked again. */
  readonly wasCheckedBefore: boolean;
}

export interface TokenFactor extends FactorVerdict {
  /** The header with the token, in lower case. Null if the token is in the body. */
  readonly header: string | null;
  /** The JSON pointer to the token in the body. Null if the token is in a header. */
  readonly pointer: string | null;
  /** The names of the secrets. */
  readonly secrets: readonly string[];
  /** True if the factor passed when the event was stored. Tokens in headers are not stored, so they cannot be checked again. */
  readonly wasCheckedBefore: boolean;
}

export interface BodyFactor extends FactorVerdict {
  readonly pointers: readonly string[];
}

export interface SenderExplanation {
  readonly sender: string;
  /** The JSON pointer of the sender in the policy. */
  readonly rule: string;
  readonly role: "sender" | "shadow";
  readonly verdict: Verdict;
  readonly code: RefusalCode | null;
  readonly why: string | null;
  /** Each factor is null if the policy does not require it of this sender. */
  readonly certificate: CertificateFactor | null;
  readonly basic: BasicFactor | null;
  readonly token: TokenFactor | null;
  readonly signature: SignatureFactor | null;
  readonly body: BodyFactor | null;
}

/** Explains which requirements of this sender the request meets, and which it does not meet. */
export async function explainSender(
  sender: Sender,
  role: SenderExplanation["role"],
  question: Question,
  evidence: Evidence,
): Promise<SenderExplanation> {
  const certificate = sender.certificate === undefined ? null : judgeCertificate(sender, question, evidence);
  const basic = sender.basic.length === 0 ? basicOfBefore(sender, question) : judgeBasic(sender, question);
  const token =
    sender.token === undefined ? tokenOfBefore(sender, question) : judgeToken(sender.token, sender, question);
  const signature = sender.signature === undefined ? null : await judgeSignature(sender, question);
  const body = sender.body.length === 0 ? null : judgeBody(sender, question);
  const factors = [certificate, basic, token, signature, body].filter((factor) => factor !== null);
  const decisive =
    factors.find(({ verdict }) => verdict === "refused") ?? factors.find(({ verdict }) => verdict === "undecided");
  return {
    sender: sender.name,
    rule: formatPointer(["senders", sender.name]),
    role,
    verdict: decisive?.verdict ?? "accepted",
    code: decisive?.verdict === "refused" ? (decisive.fault?.code ?? null) : null,
    why:
      decisive === undefined
        ? null
        : decisive.verdict === "undecided"
          ? uncheckedText(decisive)
          : (decisive.fault?.why ?? null),
    certificate,
    basic,
    token,
    signature,
    body,
  };
}

function uncheckedText({ unchecked }: FactorVerdict): string {
  return `cannot be checked: ${unchecked.join("; ")}`;
}

/**
 * Returns the verdict on a factor. If `unchecked` returns reasons why the refusal may be wrong, the factor is undecided. The
 * refusal is then left out, because it would only say what is missing here, and nothing about the request.
 */
function conclude(result: unknown, unchecked: (refusal: Refusal) => readonly string[]): FactorVerdict {
  if (!(result instanceof Refusal)) return { verdict: "accepted", fault: null, unchecked: [] };
  const reasons = unchecked(result);
  if (reasons.length > 0) return { verdict: "undecided", fault: null, unchecked: reasons };
  return { verdict: "refused", fault: faultOf(result), unchecked: [] };
}

function judgeCertificate(sender: Sender, question: Question, evidence: Evidence): CertificateFactor {
  const result = resultOf(() => findCandidates([sender], evidence));
  const asksPlatformAlone = sender.certificate?.trust.anchors.length === 0;
  const verdict = conclude(result, ({ code }) =>
    code === "platform_not_verified" && question.platform === undefined && asksPlatformAlone
      ? [question.unknown.platform ?? "Cloudflare's verdict is not known"]
      : [],
  );
  const { certificate, facts } = evidence;
  const rule = sender.certificate;
  if (rule === undefined || certificate === undefined || certificate instanceof Refusal) {
    return { ...verdict, trust: null, entries: [] };
  }
  const proof = resultOf((): Proof | undefined => verifyTrust(certificate, [sender], facts).proofs.get(sender));
  const failure = proof instanceof Refusal ? proof : undefined;
  const limits = { ...facts, maxChainDepth: rule.trust.maxChainDepth };
  return {
    ...verdict,
    trust: {
      holds: failure === undefined,
      anchor: proof instanceof Refusal ? null : (proof?.anchor ?? null),
      fault: failure === undefined ? null : faultOf(failure),
      revocation: proof instanceof Refusal ? null : (proof?.revocation ?? null),
      path:
        rule.trust.anchors.length === 0 ? null : describePath(certificate, sender, rule.trust, limits, question.lists),
    },
    entries: compareEntries(sender.name, rule, certificate.leaf, facts.now),
  };
}

function judgeBasic(sender: Sender, { available, request, unknown }: Question): BasicFactor {
  const credentials = available.secrets.get(sender)?.basic ?? [];
  const result = resultOf(() => verifyBasic(credentials, request.headers.get("authorization")));
  const verdict = conclude(result, ({ code }) => {
    if (code === "basic_missing") return [unknown.credentials ?? []].flat();
    return code === "basic_mismatch" ? [...(available.missing.get(sender)?.basic.values() ?? [])] : [];
  });
  return { ...verdict, usernames: sender.basic.map(({ username }) => username), wasCheckedBefore: false };
}

function basicOfBefore({ name }: Sender, { passedBefore }: Question): BasicFactor | null {
  if (passedBefore?.sender !== name || passedBefore.usernames === undefined) return null;
  return { verdict: "accepted", fault: null, unchecked: [], usernames: passedBefore.usernames, wasCheckedBefore: true };
}

function judgeToken(rule: TokenRule, sender: Sender, question: Question): TokenFactor {
  const { available, request, unknown } = question;
  const { header, pointer = "" } = rule;
  const tokens = available.secrets.get(sender)?.token ?? [];
  const result =
    header === undefined
      ? failureOf([tokenInBody(tokens, pointer)], question)
      : resultOf(() => verifyToken(tokens, header, request.headers));
  const verdict = conclude(result, ({ code }) => {
    if (code === "token_missing") return [unknown.credentials ?? []].flat();
    if (code !== "token_mismatch") return uncheckedOfBody(code, question);
    return [...(available.missing.get(sender)?.token.values() ?? [])];
  });
  return { ...verdict, ...describeToken(rule), wasCheckedBefore: false };
}

function describeToken({ header, pointer, secrets }: TokenRule): Pick<TokenFactor, "header" | "pointer" | "secrets"> {
  return { header: header ?? null, pointer: pointer ?? null, secrets };
}

function tokenOfBefore({ name }: Sender, { passedBefore }: Question): TokenFactor | null {
  if (passedBefore?.sender !== name || passedBefore.token === undefined) return null;
  return {
    verdict: "accepted",
    fault: null,
    unchecked: [],
    ...describeToken(passedBefore.token),
    wasCheckedBefore: true,
  };
}

function judgeBody({ body: rules }: Sender, question: Question): BodyFactor {
  const failure = failureOf(rules.map(listRule), question);
  const verdict = conclude(failure, ({ code }) => uncheckedOfBody(code, question));
  return { ...verdict, pointers: rules.map(({ pointer }) => pointer) };
}

function failureOf(rules: readonly TextRule[], { request }: Question): Refusal | undefined {
  const matched = new MatchedBody(request.headers, request.body ?? new Uint8Array());
  matched.satisfies(rules);
  return matched.failure;
}

/** Returns the reason why a refusal of the body may be wrong. */
function uncheckedOfBody(code: RefusalCode, { request, unknown }: Question): string[] {
  if (code === "content_not_json" && unknown.headers !== undefined) return [unknown.headers];
  return request.body === undefined && code.startsWith("json_") ? [unknown.body ?? "the body is not known"] : [];
}

const OF_KEYS: ReadonlySet<RefusalCode> = new Set(["signature_mismatch", "signature_key_unknown"]);

async function judgeSignature(sender: Sender, { available, request, at, unknown }: Question): Promise<SignatureFactor> {
  const { signature: rule } = sender;
  const keys = available.secrets.get(sender)?.signature;
  if (rule === undefined || keys === undefined) throw new Error(`${sender.name} has no signature`);
  const { headers, body = new Uint8Array() } = request;
  const lacking = available.missing.get(sender)?.signature;
  const names = signingNames(rule, headers);
  const result = await verifyWebhookSignature(keys, new SignedRequest(headers, body, at)).catch((error: unknown) => {
    if (error instanceof Refusal) return error;
    throw error;
  });
  return {
    ...conclude(result, ({ code }) => {
      if (code === "signature_missing" && unknown.headers !== undefined) return [unknown.headers];
      if (!OF_KEYS.has(code)) return [];
      const reasons = names.flatMap((name) => lacking?.get(name) ?? []);
      return request.body === undefined ? [...reasons, unknown.body ?? "the body is not known"] : reasons;
    }),
    scheme: rule.scheme,
    headers: signatureHeaderNames(rule.scheme, headers),
    keys: names.filter((name) => !lacking?.has(name)),
    method: typeof result === "string" ? result : null,
  };
}

/**
 * Returns the names of the secrets that may verify the signature of a request. A request may name an account in a header. If the
 * policy has secrets for this account, returns only the names of those secrets.
 */
function signingNames({ scheme, secrets, accounts }: SignatureRule, headers: Headers): readonly string[] {
  const { account } = SIGNATURE_SCHEMES[scheme];
  const id = account === undefined ? null : headers.get(account);
  return (id === null ? undefined : accounts.get(id.toLowerCase())) ?? secrets;
}
