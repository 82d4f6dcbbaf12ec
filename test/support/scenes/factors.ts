// Makes requests with certificates, signatures and credentials. The requests are judged for a route with several senders.

import { createHmac } from "node:crypto";
import { admitByCredentials, admitBySignature, findCandidates } from "../../../core/admission/admit.ts";
import type { Evidence } from "../../../core/admission/candidate.ts";
import { importSecrets } from "../../../core/admission/secrets.ts";
import { compilePolicy } from "../../../core/policy/compile.ts";
import { Refusal } from "../../../core/refusal.ts";
import { NO_LISTS } from "../../../core/revocation/revocation.ts";
import { parseClientCertificate } from "../../../core/x509/client-certificate.ts";
import { type CertificateName, type Fixtures, policyDocument } from "./certificates.ts";

export const KEYS = {
  ONE: "the first key 0123456789",
  TWO: "the second key 0123456789",
  PASSWORD: "open sesame",
  TOKEN: "a-token-of-the-sender",
  NEW_TOKEN: "a-newer-token-of-the-sender",
};
export const BODY = new TextEncoder().encode('{"event":"x"}');

export type SenderParts = Readonly<Record<string, unknown>>;

export const certificate = (CN = "client.example") => ({
  certificates: [{ subject: { CN } }],
  trust: { anchors: ["root"] },
});
export const github = (secret: keyof typeof KEYS) => ({ signature: { scheme: "github", secrets: [secret] } });
export const basic = { basic: { username: "Aladdin", secret: "PASSWORD" } };

export const token = (header = "X-Token") => ({ token: { header, secrets: ["TOKEN"] } });

export const signedBy = (key: keyof typeof KEYS, body: Uint8Array = BODY) => ({
  "x-hub-signature-256": `sha256=${createHmac("sha256", KEYS[key]).update(body).digest("hex")}`,
});
export const credentials = { authorization: `Basic ${Buffer.from("Aladdin:open sesame").toString("base64")}` };

export interface Attempt {
  /** With `null`, the request has no certificate. */
  readonly leaf?: CertificateName | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly shadow?: readonly string[];
}

/** Compiles a policy with these senders on one route, in this order. */
export function compileSenders(
  fixtures: Fixtures,
  senders: Readonly<Record<string, SenderParts>>,
  shadow?: readonly string[],
) {
  const names = Object.keys(senders).filter((name) => !shadow?.includes(name));
  const route = { senders: names, methods: ["POST"], ...(shadow && { shadow }) };
  return compilePolicy({ ...policyDocument(fixtures), senders, routes: { "/hooks": route } });
}

export function evidenceOf(fixtures: Fixtures, policy: ReturnType<typeof compilePolicy>, attempt: Attempt): Evidence {
  const { leaf = "direct", headers = {} } = attempt;
  const { now } = fixtures;
  return {
    certificate:
      leaf === null
        ? new Refusal("no_certificate")
        : parseClientCertificate({ leaf: fixtures.certificates[leaf], intermediates: [], platform: undefined }),
    headers: new Headers(headers),
    facts: { deny: policy.deny, lists: NO_LISTS, now },
    secrets: importSecrets(policy, (name) => KEYS[name as keyof typeof KEYS]),
    receivedAt: now,
  };
}

/** Runs all steps for a request, from the certificate to the admitted sender. */
export async function judge(fixtures: Fixtures, senders: Readonly<Record<string, SenderParts>>, attempt: Attempt = {}) {
  const policy = compileSenders(fixtures, senders);
  const evidence = evidenceOf(fixtures, policy, attempt);
  const [route] = policy.routes;
  const candidates = admitByCredentials(findCandidates(route?.senders ?? [], evidence), evidence);
  return await admitBySignature(candidates, attempt.body ?? BODY, evidence);
}
