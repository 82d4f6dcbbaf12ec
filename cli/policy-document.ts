// A policy file while a command changes it: what is looked at and written, and the PEM files that it comes from.

import { existsSync } from "node:fs";
import { type Certificate, parseCertificate } from "../core/certificate.ts";
import { Refusal } from "../core/refusal.ts";
import { UsageError } from "./command.ts";
import { readJson, readText } from "./files.ts";

export type MatcherDocument = Record<string, unknown>;

export interface SenderDraft {
  about?: object;
  certificates?: MatcherDocument[];
  trust?: { anchors?: string[] };
}

export interface RouteDraft {
  senders: string[];
  methods: string[];
  maxBodyBytes?: number | undefined;
  mode?: string | undefined;
}

/** Members that the commands do not know stay as they are. */
export interface PolicyDraft {
  anchors: Record<string, string | { certificate: string }>;
  senders: Record<string, SenderDraft>;
  routes: Record<string, RouteDraft>;
}

/** Opens a policy file, or starts a policy. Not compiled: it may be incomplete until all is added. */
export function openPolicy(file: string): PolicyDraft {
  const document = existsSync(file) ? readJson(file) : { $schema: "./policy.schema.json" };
  if (typeof document !== "object" || document === null) throw new UsageError(`${file} is not a JSON object`);
  return { anchors: {}, senders: {}, routes: {}, ...document };
}

/** @throws UsageError for what is not NAME=FILE with a certificate in the file */
export function readAnchorOption(option: string): { name: string; file: string; certificate: Certificate } {
  const [, name, file] = /^([^=]+)=(.+)$/s.exec(option) ?? [];
  if (name === undefined || file === undefined) throw new UsageError(`--anchor ${option} is not NAME=FILE`);
  return { name, file, certificate: readCertificate(file) };
}

/** The first certificate of a PEM file, in a chain the leaf; or the one of a `clientCert` field, as the log has it (RFC 9440). */
export function readCertificate(file: string): Certificate {
  return parseFirstCertificate(readText(file), file);
}

const FIRST_CERTIFICATE =
  /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----|^\s*:([A-Za-z0-9+/=]+):\s*$/;

/** @throws UsageError that names where the text comes from */
export function parseFirstCertificate(text: string, from: string): Certificate {
  const [, pem, field] = FIRST_CERTIFICATE.exec(text) ?? [];
  const base64 = pem ?? field;
  if (base64 === undefined) throw new UsageError(`${from} holds no certificate in PEM`);
  try {
    return parseCertificate(base64.replace(/\s+/g, ""));
  } catch (error) {
    if (error instanceof Refusal) throw new UsageError(`${from}: ${error.message} (${error.details["cause"]})`);
    throw error;
  }
}

/** The entry that accepts a certificate: by its names, its key, or as a whole. */
export function matcherFor(
  { subjectText, issuerText, spkiSha256, sha256 }: Certificate,
  match: string,
): MatcherDocument {
  if (match === "name") return { subject: subjectText, issuer: issuerText };
  if (match === "key") return { spkiSha256 };
  if (match === "certificate") return { sha256 };
  throw new UsageError(`--match ${match} is none of name, key, certificate`);
}
