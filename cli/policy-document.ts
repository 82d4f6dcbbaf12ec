// A policy file while a command changes it: what is looked at and written, and the PEM files that it comes from.

import type { Certificate } from "../core/certificate.ts";
import { either, list, openObject, optional, record, string } from "../core/form.ts";
import { readForm } from "../core/form-reading.ts";
import { formatFinding } from "../core/policy-finding.ts";
import { isNatural } from "../core/policy-form.ts";
import { problemsOfIssues } from "../core/policy-problem.ts";
import { toFinding } from "../core/policy-remedies.ts";
import { shellWord } from "../origin/shell-word.ts";
import { readAuthorities, readSenderCertificates } from "./certificate-files.ts";
import { UsageError } from "./command.ts";
import { FileProblems } from "./problems.ts";

export type MatcherDocument = Record<string, unknown>;

export interface SenderDraft {
  about?: object;
  certificates?: MatcherDocument[];
  trust?: { anchors?: string[] };
}

export type DenyDraft = Record<string, string>;

export interface RouteDraft {
  senders: string[];
  methods: string[];
  maxBodyBytes?: number | undefined;
  mode?: string | undefined;
  shadow?: string[] | undefined;
}

/** Members that the commands do not know stay as they are. */
export interface PolicyDraft {
  anchors: Record<string, string | { certificate: string }>;
  intermediates?: Record<string, string>;
  senders: Record<string, SenderDraft>;
  routes: Record<string, RouteDraft>;
  deny?: DenyDraft[];
}

/** What the commands look at has the form that they take it to have. The rest is for the check of the result. */
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
 * A policy to change. It is not compiled: it may be incomplete until all is added.
 * @throws UsageError for JSON that is no object, FileProblems where a part has not the form to be changed
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

/** @throws UsageError for JSON that is no object */
function requirePolicyObject(file: string, document: unknown): object {
  if (typeof document === "object" && document !== null && !Array.isArray(document)) return document;
  throw new UsageError(
    `${file} holds no policy, which is a JSON object: see countersign policy check --policy ${shellWord(file)}`,
  );
}

/**
 * A name that becomes a member of the policy. In place of one that every object has by nature, that would be changed, or nothing.
 * @throws UsageError
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
 * The anchors of NAME=FILE: NAME, and NAME-2 and so on for further CA certificates in the file, as of an authority that is
 * changing its root. @throws UsageError
 */
export function readAnchorOption(option: string): readonly GivenAnchor[] {
  return readNamedAuthorities("anchor", option);
}

/** The same of an option of this name. @throws UsageError */
export function readNamedAuthorities(kind: string, option: string): readonly GivenAnchor[] {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
  if (name === undefined || file === undefined) throw new UsageError(`--${kind} ${option} is not NAME=FILE`);
  requireOwnName(kind, name);
  return readAuthorities(file).map((certificate, index) => ({
    name: index === 0 ? name : `${name}-${index + 1}`,
    certificate,
  }));
}

/** What to say of an option that gave several anchors. */
export function describeAnchors(options: readonly string[]): string[] {
  return options.flatMap((option) => {
    const given = readAnchorOption(option);
    const each = given.map(({ name, certificate }) => `${name} (${certificate.subjectText})`).join(", ");
    return given.length === 1
      ? []
      : [`--anchor ${option}: the file holds ${given.length} CA certificates, each an anchor: ${each}`];
  });
}

/** What of a certificate is accepted: its names, its key, or this very one. */
export const MATCHES = ["name", "key", "certificate"] as const;
export type Match = (typeof MATCHES)[number];

/** The entries that accept the sender's certificates of a file. @throws UsageError */
export function readMatchers(file: string, match: Match): MatcherDocument[] {
  const matchers = readSenderCertificates(file).map((certificate) => matcherFor(certificate, match));
  // Two certificates of one name are one entry by name.
  return [...new Map(matchers.map((matcher) => [JSON.stringify(matcher), matcher])).values()];
}

/** What to say of a file that holds several certificates of a sender. */
export function describeCertificates(files: readonly string[]): string[] {
  return files.flatMap((file) => {
    const certificates = readSenderCertificates(file);
    const names = certificates.map(({ subjectText }) => subjectText).join("; ");
    return certificates.length === 1
      ? []
      : [
          `--certificate ${file}: the file holds ${certificates.length} certificates that are no CA's, each accepted: ${names}`,
        ];
  });
}

/** The entry that accepts a certificate. */
export function matcherFor(
  { subjectText, issuerText, spkiSha256, sha256 }: Certificate,
  match: Match,
): MatcherDocument {
  if (match === "name") return { subject: subjectText, issuer: issuerText };
  return match === "key" ? { spkiSha256 } : { sha256 };
}
