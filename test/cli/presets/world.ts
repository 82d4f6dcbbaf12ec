// Replaces the CAs of the presets by test CAs with the same names, so that subjects of real senders can be tested.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateRequest, type Identity, issueCertificate, SERVER_AUTH } from "../../../cli/dev/authority.ts";
import type { PolicyDraft } from "../../../cli/policy/draft.ts";
import { addPreset, type PresetAddition } from "../../../cli/policy/preset/add.ts";
import type { AnchorSource } from "../../../cli/presets/preset.ts";
import { PRESETS } from "../../../cli/presets/presets.ts";
import { admitByCertificate } from "../../../core/admission/admit.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import { Refusal } from "../../../core/refusal.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { verifyTrust } from "../../../core/trust/verify.ts";
import { parseCertificate } from "../../../core/x509/certificate.ts";
import { CLIENT_AUTH } from "../../../core/x509/certificate-extensions.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";

export const WINDOW = { notBefore: new Date("2020-01-01T00:00:00Z"), notAfter: new Date("2040-01-01T00:00:00Z") };
/** The purposes in certificates of webhook senders. Public CAs put both purposes into these certificates. */
const PUBLIC_PURPOSES = { extendedKeyUsage: [SERVER_AUTH, CLIENT_AUTH] };

/** A root, an issuing CA below the root, and a function that issues client certificates. */
export interface Authority {
  readonly root: Identity;
  readonly issuing: Identity;
  issue(request: Partial<CertificateRequest> & Pick<CertificateRequest, "subject">): Promise<Identity>;
}

export async function makeAuthority(rootName: string, issuingName: string): Promise<Authority> {
  const root = await issueCertificate({ subject: [{ CN: [rootName] }], ca: {}, ...WINDOW });
  const issuing = await issueCertificate({ subject: [{ CN: [issuingName] }], ca: {}, ...WINDOW }, root);
  return {
    root,
    issuing,
    issue: (request) => issueCertificate({ ...WINDOW, ...PUBLIC_PURPOSES, ...request }, issuing),
  };
}

/** Writes the root to a file. Returns the value of the option `--anchor`, which is `NAME=FILE`. */
export function anchorOption(directory: string, name: string, { root }: Authority): string {
  const file = join(directory, `${name}.pem`);
  writeFileSync(file, root.pem);
  return `${name}=${file}`;
}

/** Does the same as anchorOption(), with a file that has the chain: the issuing CA, followed by the root. */
export function chainOption(directory: string, name: string, { root, issuing }: Authority): string {
  const file = join(directory, `${name}-chain.pem`);
  writeFileSync(file, issuing.pem + root.pem);
  return `${name}=${file}`;
}

/**
 * Lets a preset ask for a test CA instead of the sender's CA, because the tests do not have the key of the sender's CA. Disposing
 * the result restores the preset.
 */
export function replaceAnchor(preset: string, name: string, { base64 }: Identity): Disposable {
  const anchors = PRESETS[preset]?.anchors as Record<string, AnchorSource>;
  const own = anchors[name] as AnchorSource;
  anchors[name] = { ...own, sha256: parseCertificate(base64).sha256 };
  return {
    [Symbol.dispose]() {
      anchors[name] = own;
    },
  };
}

/**
 * Lets a preset pin this certificate instead of the sender's certificate, because the tests do not have the key of the sender's
 * certificate. Disposing the result restores the preset.
 */
export function replacePin(preset: string, { base64 }: Identity): Disposable {
  const certificates = PRESETS[preset]?.sender.certificates as { sha256: string }[];
  const [own] = certificates.splice(0, 1, { sha256: parseCertificate(base64).sha256 });
  return {
    [Symbol.dispose]() {
      certificates.splice(0, 1, own as { sha256: string });
    },
  };
}

/**
 * Returns what the preset adds to an empty policy. If the preset asks for a value with the name NAME, the value is `NAME-of-mine`.
 */
export function presetDocument(preset: string, addition: Partial<PresetAddition> = {}): PolicyDraft {
  const document: PolicyDraft = { anchors: {}, senders: {}, routes: {} };
  const nothing = {
    sender: undefined,
    route: undefined,
    anchors: [],
    certificates: [],
    match: undefined,
    mode: undefined,
    values: Object.keys(PRESETS[preset]?.values ?? {}).map((name) => `${name}=${name}-of-mine`),
  };
  addPreset(document, { ...nothing, ...addition, preset });
  return document;
}

/**
 * Returns the preset's policy with test roots. `authorities` maps the beginning of an anchor name to an authority. Each anchor
 * whose name begins in this way is replaced by the root of the authority.
 */
export function policyBelow(document: PolicyDraft, authorities: Readonly<Record<string, Authority>>): Policy {
  const anchors = Object.keys(document.anchors).flatMap((name) => {
    const [, authority] = Object.entries(authorities).find(([start]) => name.startsWith(start)) ?? [];
    return authority === undefined ? [] : [[name, authority.root.pem] as const];
  });
  return compilePolicy({ ...document, anchors: { ...document.anchors, ...Object.fromEntries(anchors) } });
}

/**
 * Returns `admitted` or the code of the refusal. The client sends the certificate of its issuing CA too. Signatures of requests are
 * not checked.
 */
export function judge(policy: Policy, client: Identity, { issuing }: Authority, now: number): string {
  const { senders, deny } = policy;
  const presented = { leaf: client.base64, intermediates: [issuing.base64], platform: undefined };
  try {
    const proven = verifyTrust(parseClientCertificate(presented), senders, { deny, lists: NO_LISTS, now });
    admitByCertificate(proven, senders, now);
    return "admitted";
  } catch (error) {
    if (error instanceof Refusal) return error.code;
    throw error;
  }
}
