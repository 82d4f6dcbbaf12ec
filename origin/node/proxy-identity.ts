// Identifies a proxy that connects over TLS, by CA certificates and one exact subject. A policy with one sender is made from the CA
// certificates and the subject. The proxy is judged by this policy in the same way as a sender.

import { admitByCertificate } from "../../core/admission/admit.ts";
import { ConfigurationError, formatPointer } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { Policy } from "../../core/policy/policy.ts";
import { PolicyError, wordsOf } from "../../core/policy/problem.ts";
import { Refusal } from "../../core/refusal.ts";
import { NO_LISTS } from "../../core/revocation/revocation.ts";
import { verifyTrust } from "../../core/trust/verify.ts";
import { formatPem, parseCertificate } from "../../core/x509/certificate.ts";
import type { ClientCertificate } from "../../core/x509/client-certificate.ts";
import { foldName, parseDistinguishedName } from "../../core/x509/distinguished-name.ts";
import { systemClock } from "../clock.ts";
import { readPemCertificates } from "../forwarded/pem.ts";

/** The identity of the proxy: the CAs that may certify it, and its exact name. */
export interface ProxyIdentity {
  /** CA certificates that may certify the proxy, in PEM. Each of them is an anchor. */
  readonly ca: string;
  /** The whole subject of the proxy as RFC 4514 text. */
  readonly subject: string;
}

/** Checks that the peer is the proxy. @throws Refusal if the certificate does not prove this at `now` (Unix seconds) */
export type ProveProxy = (certificate: ClientCertificate, now: number) => void;

/** A problem of the policy document that is made from a proxy's identity. */
export interface IdentityFinding {
  /** The JSON pointer to the part of the document that has the problem. */
  readonly pointer: string;
  readonly severity: "error" | "warning";
  readonly problem: string;
  readonly remedy?: string;
}

/** Compiles a policy document, and reports what is wrong with it at `now` (Unix seconds). */
export type ExamineDocument = (
  document: object,
  now: number,
) => { readonly policy: Policy | undefined; readonly findings: readonly IdentityFinding[] };

export interface ProxyExamination {
  /** Undefined if there are problems, or if the CA or the subject is missing. */
  readonly policy: Policy | undefined;
  readonly problems: readonly string[];
  /** Findings that do not keep the proxy from connecting, for example that one of two CAs has expired. */
  readonly warnings: readonly string[];
}

/**
 * Compiles the identity to a policy with one sender. The subject is needed because a CA alone would admit every certificate that it
 * ever issued. Does not check dates. If the CA that certified the proxy has expired, each connection is refused.
 * @throws ConfigurationError that lists every problem of the CA and of the subject
 */
export function compileProxyIdentity(identity: ProxyIdentity): ProveProxy {
  const { policy, problems } = examineProxyIdentity(identity, systemClock(), compileDocument);
  if (policy === undefined) throw new ConfigurationError("proxy", problems);
  return (certificate, now) => {
    const facts = { deny: policy.deny, lists: NO_LISTS, now };
    admitByCertificate(verifyTrust(certificate, policy.senders, facts), policy.senders, now);
  };
}

/** Compiles a policy document, and reports only the problems that the compiler finds. */
const compileDocument: ExamineDocument = (document) => {
  try {
    return { policy: compilePolicy(document), findings: [] };
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    const findings = error.found.map((found) => ({
      pointer: formatPointer(found.at),
      severity: "error" as const,
      problem: wordsOf(found),
    }));
    return { policy: undefined, findings };
  }
};

/**
 * Returns every problem of the CA and of the subject at `now`, as `examine` finds them. It is not a problem if the CA or the
 * subject is missing.
 */
export function examineProxyIdentity(
  { ca, subject }: Partial<ProxyIdentity>,
  now: number,
  examine: ExamineDocument,
): ProxyExamination {
  const problems: string[] = [];
  const attempt = <T>(what: string, read: () => T): T | undefined => {
    try {
      return read();
    } catch (error) {
      problems.push(`${what}: ${causeOf(error)}`);
      return undefined;
    }
  };
  const name = subject === undefined ? undefined : attempt("the proxy's subject", () => readSubject(subject));
  const authorities = ca === undefined ? undefined : attempt("the proxy's CA", () => readAuthorities(ca));
  if (authorities === undefined) return { policy: undefined, problems, warnings: [] };
  // If the subject is missing or malformed, a placeholder replaces it, so that the CA is still examined.
  const { policy, findings } = examine(documentOf(authorities, name === undefined ? "CN=proxy" : subject), now);
  const told = findings.map((finding) => ({ finding, text: describe(finding, authorities) }));
  problems.push(...told.filter(({ finding }) => finding.severity === "error").map(({ text }) => text));
  if (name !== undefined && policy?.anchors.some(({ certificate }) => certificate.foldedSubject === name))
    problems.push(
      "the proxy's subject: is that of its CA; give the subject of the certificate that the proxy presents",
    );
  const warnings = told.filter(({ finding }) => finding.severity === "warning").map(({ text }) => text);
  const isWhole = name !== undefined && problems.length === 0;
  return { policy: isWhole ? policy : undefined, problems, warnings };
}

/** Returns the subject in the form in which names are compared. @throws SyntaxError */
function readSubject(subject: string): string {
  const name = parseDistinguishedName(subject);
  if (name.length === 0) throw new SyntaxError("it is empty");
  return foldName(name);
}

/** Returns the base64 of each CA certificate. @throws SyntaxError, Refusal */
function readAuthorities(pem: string): readonly string[] {
  const authorities = readPemCertificates(`${pem.trim()}\n`, "newline");
  if (authorities.length === 0) throw new SyntaxError("the file is empty");
  return authorities;
}

function documentOf(authorities: readonly string[], subject: string | undefined): object {
  const anchors = authorities.map((base64, index) => [`ca-${index + 1}`, formatPem(base64)] as const);
  return {
    anchors: Object.fromEntries(anchors),
    senders: { proxy: { certificates: [{ subject }], trust: { anchors: anchors.map(([name]) => name) } } },
    routes: { "/*": { senders: ["proxy"], methods: ["GET"] } },
  };
}

function describe({ pointer, problem, remedy }: IdentityFinding, authorities: readonly string[]): string {
  const text = remedy === undefined ? problem : `${problem} → ${remedy}`;
  const [, number] = /^\/anchors\/ca-(\d+)/.exec(pointer) ?? [];
  if (number === undefined) return `the proxy's subject: ${text}`;
  const base64 = authorities[Number(number) - 1] ?? "";
  const which = authorities.length === 1 ? "" : `, ${number} of ${authorities.length}`;
  return `the proxy's CA${which}${subjectOf(base64)}: ${text}`;
}

function subjectOf(base64: string): string {
  try {
    return ` (${parseCertificate(base64).subjectText})`;
  } catch {
    return "";
  }
}

function causeOf(error: unknown): unknown {
  const cause = error instanceof Refusal ? error.details["cause"] : undefined;
  return cause ?? messageOf(error);
}
