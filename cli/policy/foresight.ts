// Judges the certificates that a command adds to a policy, before the policy is written. The code of `explain` makes the verdicts.

import { dirname, join } from "node:path";
import { readAvailableSecrets } from "../../core/admission/secrets.ts";
import type { Policy } from "../../core/policy/policy.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import { type RefusalCode, resultOf } from "../../core/refusal.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { DistinguishedName } from "../../core/x509/distinguished-name.ts";
import { systemClock } from "../../origin/clock.ts";
import { ANY_HOST, evidenceOf, type Question, readChain } from "../../origin/explain/question.ts";
import { explainSender } from "../../origin/explain/senders.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { loadCrls } from "../explain/crls.ts";
import { denyRulesOf } from "../explain/rule.ts";
import { readCertificates, readSenderCertificates } from "../files/certificates.ts";

export interface Foresight {
  /** Certificates that will never be accepted, with the fault and the remedy. */
  readonly faults: readonly string[];
  /** Certificates that are not accepted now, but may be later. */
  readonly notes: readonly string[];
}

interface Asked {
  readonly file: string;
  readonly certificate: Certificate;
  readonly others: readonly Certificate[];
}

/** Refusals that may end without a change of the policy: after some time, or when a missing revocation list arrives. */
const TEMPORARY_CODES: ReadonlySet<RefusalCode> = new Set(["certificate_not_yet_valid", "revocation_unknown"]);

/**
 * Judges each of the sender's certificates in the files. If a file also contains CA certificates, they count as the intermediates
 * of the sender's certificates in this file. Fetches nothing.
 */
export async function foresee(
  policyFile: string,
  document: PolicyDocument,
  policy: Policy,
  sender: string,
  files: readonly string[],
): Promise<Foresight> {
  const at = systemClock();
  const options = { policyFile, directory: join(dirname(policyFile), "crls"), isFetching: false, at };
  const lists = await loadCrls(policy, options);
  const faults: string[] = [];
  const notes: string[] = [];
  for (const asked of files.flatMap(askedOf)) {
    const question: Question = { ...questionOf(asked, policy), at, lists };
    const { code, why } = await judge(question, sender);
    if (code === null) continue;
    const problem = `${asked.file}: ${asked.certificate.subjectText}: ${why} (${code})`;
    if (TEMPORARY_CODES.has(code)) notes.push(`${problem}: it is not accepted now`);
    else if (code === "issuer_unknown" && mayBePresented(asked, policy, sender))
      notes.push(
        `${problem}: it is accepted only if the sender presents the certificate of ${asked.certificate.issuerText} too`,
      );
    else faults.push(`${problem} → ${remedyOf(code, asked, document, policy)}`);
  }
  return { faults, notes };
}

/**
 * Returns true if the issuer of the certificate may be an intermediate CA below an anchor. A sender presents the certificate of
 * such a CA together with the sender's own certificate. The issuer's certificate is not available here, so only the organisation
 * names of issuer and anchor are compared.
 */
function mayBePresented({ certificate, others }: Asked, policy: Policy, name: string): boolean {
  const anchors = policy.senders.find((sender) => sender.name === name)?.certificate?.trust.anchors ?? [];
  const organizations = new Set(anchors.flatMap((anchor) => organizationsOf(anchor.certificate.subject)));
  return others.length === 0 && organizationsOf(certificate.issuer).some((one) => organizations.has(one));
}

const ORGANIZATION = "2.5.4.10";

function organizationsOf(name: DistinguishedName): string[] {
  return name.flat().flatMap((one) => (one.type === ORGANIZATION && "text" in one ? [one.text] : []));
}

function askedOf(file: string): Asked[] {
  const authorities = readCertificates(file).filter(({ isCa }) => isCa);
  return readSenderCertificates(file).map((certificate) => ({
    file,
    certificate,
    others: authorities.filter(({ sha256 }) => sha256 !== certificate.sha256),
  }));
}

function questionOf({ certificate, others }: Asked, policy: Policy) {
  return {
    policy,
    chain: { leaf: certificate.base64, intermediates: others.map(({ base64 }) => base64) },
    request: { method: "POST", url: `${ANY_HOST}/`, headers: new Headers(), body: undefined },
    unknown: {},
    passedBefore: undefined,
    platform: undefined,
    available: readAvailableSecrets(policy, () => undefined),
  };
}

/** Judges the certificate alone, without a request. Cloudflare's verdict is not known here, so a good verdict is assumed. */
async function judge(question: Question, name: string) {
  const sender = question.policy.senders.find((one) => one.name === name);
  if (sender === undefined) throw new Error(`the policy has no sender ${name}`);
  const certificate = resultOf(() => readChain(question, { verified: "SUCCESS", revoked: false }));
  const { certificate: factor } = await explainSender(sender, "sender", question, evidenceOf(question, certificate));
  return { code: factor?.fault?.code ?? null, why: factor?.fault?.why ?? null };
}

const ASK_FOR_CURRENT = "ask the sender for the certificate that it presents now";

const REMEDIES: Readonly<Partial<Record<RefusalCode, string>>> = {
  certificate_expired: ASK_FOR_CURRENT,
  certificate_revoked: ASK_FOR_CURRENT,
  wrong_key_usage: `this one is for another use: ${ASK_FOR_CURRENT}`,
  wrong_extended_key_usage: `this one is for servers or another use, and not for clients: ${ASK_FOR_CURRENT}`,
  algorithm_not_accepted: "ask the sender for a certificate with a stronger key and signature",
  chain_too_deep: "increase maxChainDepth in the sender's trust",
};

function remedyOf(
  code: RefusalCode,
  { file, certificate, others }: Asked,
  document: PolicyDocument,
  policy: Policy,
): string {
  if (code === "certificate_denied") {
    const rules = [certificate, ...others].flatMap((one) => denyRulesOf(one, document, policy));
    return `it is denied by ${rules.join(", ") || "/deny"}: use another certificate, or run policy remove --deny NUMBER if the entry is a mistake`;
  }
  if (code === "issuer_unknown") {
    const { issuerText } = certificate;
    if (certificate.isCa && certificate.subjectText === issuerText)
      return "it is the certificate of a root CA, which no other CA certified: give the certificate that the sender presents";
    const isIssuerHere = others.some((one) => one.subjectText === issuerText);
    const missing = isIssuerHere ? others.at(-1)?.issuerText : issuerText;
    return `no anchor of the sender is ${missing}: add that CA with --anchor NAME=FILE. If an anchor certified that CA and the sender presents the CA certificate, put it after the sender's certificate in ${file}. If the sender or a proxy leaves it out, add it with --intermediate NAME=FILE`;
  }
  return REMEDIES[code] ?? `countersign explain --certificate ${shellWord(file)} says more`;
}
