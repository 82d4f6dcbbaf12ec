// Defines the form that a policy file must have so that a command can change it. Also reads the PEM files whose certificates are
// added to the policy.

import { either, list, openObject, optional, record, string } from "../../core/form.ts";
import { readForm } from "../../core/form-reading.ts";
import { isNatural } from "../../core/policy/form.ts";
import { problemsOfIssues } from "../../core/policy/problem.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import { FileProblems } from "../../origin/problems.ts";
import { shellWord } from "../../origin/shell-word.ts";
import { UsageError } from "../command.ts";
import { readAuthorities, readSenderCertificates } from "../files/certificates.ts";
import { formatFinding } from "./check/finding.ts";
import { toFinding } from "./check/remedies.ts";

export type MatcherDocument = Record<string, unknown>;

export interface SenderDraft {
  about?: object;
  certificates?: MatcherDocument[];
  trust?: { anchors?: string[] };
  handshake?: { until?: unknown } | undefined;
}

export type DenyDraft = Record<string, string>;

export interface RouteDraft {
  senders: string[];
  methods: string[];
  maxBodyBytes?: number | undefined;
  mode?: string | undefined;
  shadow?: string[] | undefined;
}

/** The members that commands change. All other members stay as they are. */
export interface PolicyDraft {
  anchors: Record<string, string | { certificate: string }>;
  intermediates?: Record<string, string>;
  senders: Record<string, SenderDraft>;
  routes: Record<string, RouteDraft>;
  deny?: DenyDraft[];
}

/** Checks only the shape of the members that commands read. The check of the changed policy finds all other problems. */
const names = optional(list(string()));
const part = openObject({}, "kept");
const DraftSchema = openObject(
  {
    anchors: optional(record(string(), either(string(), openObject({ certificate: string() }, "kept")))),
    intermediates: optional(record(string(), string())),
    senders: optional(
      record(
        string(),
        openObject(
          { certificates: optional(list(part)), trust: optional(openObject({ anchors: names }, "kept")) },
          "kept",
        ),
      ),
    ),
    routes: optional(record(string(), openObject({ senders: list(string()), shadow: names }, "kept"))),
    deny: optional(list(part)),
  },
  "kept",
);

/**
 * Returns the policy to change. The policy is not compiled, because it may be incomplete before the change.
 * @throws UsageError if the document is not an object, FileProblems if a member does not have the shape that commands can change
 */
export function readDraft(file: string, document: unknown): PolicyDraft {
  const draft = { anchors: {}, senders: {}, routes: {}, ...requirePolicyObject(file, document) };
  const { problems } = readForm(DraftSchema, draft);
  if (problems.length > 0)
    throw new FileProblems(
      file,
      problemsOfIssues(problems).map((problem) => formatFinding(toFinding(problem))),
    );
  return draft as PolicyDraft;
}

/** Checks that the document is an object. @throws UsageError if it is not */
function requirePolicyObject(file: string, document: unknown): object {
  if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  throw new UsageError(
    `${file} holds no policy, which is a JSON object: see countersign policy check --policy ${shellWord(file)}`,
  );
}

/**
 * Checks a name that becomes a member of the policy. Every object inherits members such as `constructor`. A command that looks up
 * such a name would find and change the inherited member. @throws UsageError
 */
export function requireOwnName(option: string, name: string | undefined): void {
  if (name !== undefined && isNatural(name))
    throw new UsageError(`--${option} ${name}: every JavaScript object has a member of this name: choose another`);
}

export interface GivenAnchor {
  readonly name: string;
  readonly certificate: Certificate;
}

/**
 * Returns the anchors of an option `NAME=FILE`. A CA that changes its root may publish several certificates in one file. These
 * certificates become the anchors `NAME`, `NAME-2` and so on. @throws UsageError
 */
export function readAnchorOption(option: string): readonly GivenAnchor[] {
  return readNamedAuthorities("anchor", option);
}

/** Returns the CA certificates of an option `NAME=FILE`. `kind` is the name of the option. @throws UsageError */
export function readNamedAuthorities(kind: string, option: string): readonly GivenAnchor[] {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
  if (name === undefined || file === undefined) throw new UsageError(`--${kind} ${option} is not NAME=FILE`);
  requireOwnName(kind, name);
  return readAuthorities(file).map((certificate, index) => ({
    name: index === 0 ? name : `${name}-${index + 1}`,
    certificate,
  }));
}

/** Returns a note for each option whose file contains several anchors. */
export function describeAnchors(options: readonly string[]): string[] {
  return options.flatMap((option) => {
    const given = readAnchorOption(option);
    const each = given.map(({ name, certificate }) => `${name} (${certificate.subjectText})`).join(", ");
    return given.length === 1
      ? []
      : [`--anchor ${option}: the file holds ${given.length} CA certificates, each an anchor: ${each}`];
  });
}

/** The parts of a certificate that an entry can compare: the names of subject and issuer, the key, or the whole certificate. */
export const MATCHES = ["name", "key", "certificate"] as const;
export type Match = (typeof MATCHES)[number];

/**
 * Returns the entries that accept the sender's certificates in a file. Without `match`, the names are compared, or the whole
 * certificate if it is a CA certificate. @throws UsageError
 */
export function readMatchers(file: string, match: Match | undefined): MatcherDocument[] {
  const matchers = readSenderCertificates(file).map((certificate) => {
    if (certificate.isCa && match === "name")
      throw new UsageError(
        `${file} holds a CA certificate, ${certificate.subjectText}, ${ONLY_BY_DIGEST}: choose --match certificate or --match key`,
      );
    return matcherFor(certificate, match);
  });
  // Two certificates with the same names need only one entry.
  return [...new Map(matchers.map((matcher) => [JSON.stringify(matcher), matcher])).values()];
}

/** The end of a sentence. It says why a CA certificate is never accepted by an entry that compares names. */
export const ONLY_BY_DIGEST =
  "and a CA certificate is accepted only by its digest, because its name may also be that of certificates that it issues";

/** Returns a note for each file that contains several certificates of a sender, or a CA certificate that the sender presents. */
export function describeCertificates(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const certificates = readSenderCertificates(file);
    const [first] = certificates;
    if (first?.isCa)
      return [
        `--certificate ${file}: this is a CA certificate, ${first.subjectText}, ${ONLY_BY_DIGEST}. The sender has to present this certificate itself. If the sender presents a certificate that this CA issued, remove the entry, and give that certificate instead`,
      ];
    const names = certificates.map(({ subjectText }) => subjectText).join("; ");
    return certificates.length === 1
      ? []
      : [
          `--certificate ${file}: the file holds ${certificates.length} certificates that are no CA's, each accepted: ${names}`,
        ];
  });
}

/** Returns the entry that accepts a certificate. */
export function matcherFor(
  { subjectText, issuerText, spkiSha256, sha256, isCa }: Certificate,
  match: Match = isCa ? "certificate" : "name",
): MatcherDocument {
  if (match === "name") return { subject: subjectText, issuer: issuerText };
  return match === "key" ? { spkiSha256 } : { sha256 };
}
