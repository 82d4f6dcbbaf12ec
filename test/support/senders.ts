// The certificates and the policy of most integration tests. Every name that a response must not reveal contains the text MARKER.
// So one search for MARKER finds every leak.

import { type CertificateRequest, type Identity, issueCertificate } from "../../cli/dev/authority.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";

export const MARKER = "Quillon";
export const ISSUER = "https://hooks.example.com";
export const HOST = "hooks.example.com";
export const AUDIENCE = "https://origin.example.com";

export interface Senders {
  readonly root: Identity;
  /**
   * The certificate of the sender `Quillon-acme` on the route `/hooks/acme`. `acmeToo` is another certificate with the same name
   * and CA, which is also admitted.
   */
  readonly acme: Identity;
  readonly acmeToo: Identity;
  /** The certificate of the sender `Quillon-beta` on the route `/hooks/beta`. Both senders may call `/hooks/both`. */
  readonly beta: Identity;
  readonly policy: PolicyDocument;
}

export const ACME = `${MARKER}-acme`;
export const BETA = `${MARKER}-beta`;
export const MAX_BODY_BYTES = 64 * 1024;

export function subjectOf(commonName: string): CertificateRequest["subject"] {
  return [{ O: [`${MARKER} Inc`] }, { CN: [commonName] }];
}

export async function createSenders(): Promise<Senders> {
  const root = await issueCertificate({ subject: subjectOf(`${MARKER} Root`), ca: {} });
  const acme = await issueCertificate({ subject: subjectOf(ACME) }, root);
  const acmeToo = await issueCertificate({ subject: subjectOf(ACME) }, root);
  const beta = await issueCertificate({ subject: subjectOf(BETA) }, root);
  return { root, acme, acmeToo, beta, policy: policyOf(root) };
}

function policyOf(root: Identity): PolicyDocument {
  const anchor = `${MARKER}-root`;
  const sender = (commonName: string): PolicyDocument["senders"][string] => ({
    certificates: [{ subject: { CN: commonName } }],
    trust: { anchors: [anchor] },
  });
  const methods = ["POST", "GET", "PUT"];
  return {
    anchors: { [anchor]: root.pem },
    senders: { [ACME]: sender(ACME), [BETA]: sender(BETA) },
    routes: {
      "/hooks/acme": { senders: [ACME], methods, maxBodyBytes: MAX_BODY_BYTES, headers: ["X-Quill-Signature"] },
      "/hooks/acme/*": { senders: [ACME], methods, maxBodyBytes: MAX_BODY_BYTES, headers: ["X-Quill-Signature"] },
      "/hooks/beta": { senders: [BETA], methods: ["POST"] },
      "/hooks/both": { senders: [ACME, BETA], methods: ["POST"] },
      "/hooks/large": { senders: [ACME], methods: ["POST"], maxBodyBytes: 8 * 1024 * 1024 },
    },
  };
}
