// What `countersign policy add` does to a policy document. The result is compiled before it is written.

import { existsSync } from "node:fs";
import { type Certificate, formatPem, parseCertificate } from "../core/certificate.ts";
import { formatDistinguishedName } from "../core/distinguished-name.ts";
import type { Policy } from "../core/policy.ts";
import { compilePolicy } from "../core/policy-compiler.ts";
import { Refusal } from "../core/refusal.ts";
import { parseOptions, UsageError } from "./command.ts";
import { formatJson, readJson, readText, writeWhole } from "./files.ts";
import { formatSummary, summarize } from "./policy-summary.ts";

const OPTIONS = {
  policy: { type: "string", default: "policy.json" },
  anchor: { type: "string", multiple: true },
  sender: { type: "string" },
  certificate: { type: "string" },
  match: { type: "string", default: "name" },
  route: { type: "string" },
  json: { type: "boolean", default: false },
} as const;

/** countersign policy add. */
export function addToPolicy(args: string[]): number {
  const {
    policy: file,
    json,
    anchor: anchors = [],
    sender,
    certificate,
    match,
    route,
  } = parseOptions(args, OPTIONS).values;
  const summary = summarize(extendPolicy(file, { anchors, sender, certificate, match, route }));
  process.stdout.write(json ? formatJson(summary) : `${file} written\n${formatSummary(summary)}`);
  return 0;
}

export interface PolicyAddition {
  /** NAME=FILE of CA certificates. */
  readonly anchors: readonly string[];
  readonly sender: string | undefined;
  /** PEM file of a certificate of the sender, and what of it to accept: name, key or certificate. */
  readonly certificate: string | undefined;
  readonly match: string;
  readonly route: string | undefined;
}

type MatcherDocument = Record<string, unknown>;
type Document = {
  anchors: Record<string, string | { certificate: string }>;
  senders: Record<string, { certificates: MatcherDocument[]; trust: { anchors?: string[] } }>;
  routes: Record<string, { senders: string[]; methods: string[] }>;
};

/**
 * Extends a policy file, or starts one. The file changes only when the whole result is sound.
 * @throws UsageError, ConfigurationError
 */
export function extendPolicy(file: string, addition: PolicyAddition): Policy {
  const { sender, route } = addition;
  if (addition.anchors.length === 0 && sender === undefined)
    throw new UsageError("nothing to add: --anchor or --sender");
  if (sender === undefined && (route ?? addition.certificate) !== undefined)
    throw new UsageError("--route and --certificate need --sender");
  const document = openDocument(file);
  const anchors = addAnchors(document, addition.anchors);
  if (sender !== undefined) addSender(document, sender, anchors, addition);
  if (sender !== undefined && route !== undefined) addRoute(document, route, sender);
  const policy = compilePolicy(document);
  writeWhole(file, formatJson(document));
  return policy;
}

function openDocument(file: string): Document {
  const document = existsSync(file) ? readJson(file) : { $schema: "./policy.schema.json" };
  if (typeof document !== "object" || document === null) throw new UsageError(`${file} is not a JSON object`);
  return { anchors: {}, senders: {}, routes: {}, ...document };
}

function addSender(
  document: Document,
  name: string,
  anchors: readonly string[],
  { certificate, match }: PolicyAddition,
): void {
  document.senders[name] ??= { certificates: [], trust: {} };
  const { certificates, trust } = document.senders[name];
  if (certificate !== undefined) certificates.push(matcherFor(readCertificate(certificate), match));
  if (anchors.length > 0) trust.anchors = [...new Set([...(trust.anchors ?? []), ...anchors])];
}

function addRoute(document: Document, path: string, sender: string): void {
  document.routes[path] ??= { senders: [], methods: ["POST"] };
  const { senders } = document.routes[path];
  if (!senders.includes(sender)) senders.push(sender);
}

function addAnchors(document: Document, options: readonly string[]): string[] {
  return options.map((option) => {
    const [, name, file] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
    if (name === undefined || file === undefined) throw new UsageError(`--anchor ${option} is not NAME=FILE`);
    const { base64 } = readCertificate(file);
    const pem = formatPem(base64);
    const known = document.anchors[name];
    // Revocation lists of an anchor stay, whatever certificate takes its place.
    document.anchors[name] = typeof known === "object" ? { ...known, certificate: pem } : pem;
    return name;
  });
}

function matcherFor(certificate: Certificate, match: string): MatcherDocument {
  const issuer = formatDistinguishedName(certificate.issuer);
  if (match === "name") return { subject: formatDistinguishedName(certificate.subject), issuer };
  if (match === "key") return { spkiSha256: certificate.spkiSha256 };
  if (match === "certificate") return { sha256: certificate.sha256 };
  throw new UsageError(`--match ${match} is none of name, key, certificate`);
}

/** The first certificate of a PEM file: in a chain, that is the leaf. */
function readCertificate(file: string): Certificate {
  const base64 = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/.exec(readText(file))?.[1];
  if (base64 === undefined) throw new UsageError(`${file} holds no certificate in PEM`);
  try {
    return parseCertificate(base64.replace(/\s+/g, ""));
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${file}: ${error.message} (${error.details["cause"]})`);
    throw error;
  }
}
