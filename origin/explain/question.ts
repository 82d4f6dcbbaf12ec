// The input of an explanation: a policy, a certificate and a request, at one point in time.

import type { Evidence } from "../../core/admission/candidate.ts";
import type { AvailableSecrets } from "../../core/admission/secrets.ts";
import type { Policy, TokenRule } from "../../core/policy/policy.ts";
import { Refusal } from "../../core/refusal.ts";
import type { RevocationLists } from "../../core/revocation/revocation.ts";
import { type ClientCertificate, parseClientCertificate } from "../../core/x509/client-certificate.ts";
import type { Crl } from "../../core/x509/crl.ts";

/** Replaces the scheme and host of a URL if they are not known. No host has this name (RFC 6761). */
export const ANY_HOST = "https://host.invalid";

/**
 * Returns a whole URL for `target`, which is a path, a route of the policy, or a stored target. A host may come before the path,
 * with or without `//`.
 */
export function urlOfTarget(target: string): string {
  if (target.startsWith("//")) return `https:${target}`;
  return target.startsWith("/") ? ANY_HOST + target : `https://${target}`;
}

/** Certificates in base64 DER, as a sender presents them. */
export interface Chain {
  readonly leaf: string;
  readonly intermediates: readonly string[];
}

export interface AskedRequest {
  readonly method: string;
  /** The whole URL: the scheme, the host, and the target exactly as it was sent. */
  readonly url: string;
  readonly headers: Headers;
  /** Undefined if the body is not known. */
  readonly body: Uint8Array<ArrayBuffer> | undefined;
}

/** Revocation lists, and the source of each list in the policy if it is known. */
export interface KnownLists {
  readonly lists: RevocationLists;
  readonly sourceOf: ReadonlyMap<Crl, string>;
}

/**
 * For each part of the request that is not known, a text that says so. The absence of such a part proves nothing, because the
 * sender may have sent it.
 */
export interface UnknownParts {
  readonly headers?: string;
  readonly credentials?: string;
  readonly body?: string;
  /** Cloudflare's verdict on the certificate. */
  readonly platform?: string;
}

export interface PassedBefore {
  readonly sender: string;
  /** The user names that the policy accepts. Undefined if no Basic credentials were checked. */
  readonly usernames: readonly string[] | undefined;
  /** The policy's rule for the token. Undefined if no token was checked. */
  readonly token: TokenRule | undefined;
}

export interface Question {
  readonly policy: Policy;
  readonly chain: Chain | undefined;
  readonly request: AskedRequest;
  /** The time of the judgement in Unix seconds. */
  readonly at: number;
  readonly unknown: UnknownParts;
  /**
   * The sender of a stored event, if its credentials passed before the event was stored. Credentials are not stored and cannot be
   * checked again, so `policy` lacks the sender's rules for these credentials.
   */
  readonly passedBefore: PassedBefore | undefined;
  /** Cloudflare's verdict on the certificate, if it is known. */
  readonly platform: string | undefined;
  readonly lists: KnownLists;
  readonly available: AvailableSecrets;
}

/** Parses the certificate. `platform` is Cloudflare's verdict, if Cloudflare is in front. @throws Refusal */
export function readChain(
  { chain }: Pick<Question, "chain">,
  platform: ClientCertificate["platform"],
): ClientCertificate {
  if (chain === undefined) throw new Refusal("no_certificate");
  return parseClientCertificate({ ...chain, platform });
}

/** Returns the facts of the question, except the body, in the form in which core judges them. */
export function evidenceOf(question: Question, certificate: ClientCertificate | Refusal): Evidence {
  const { policy, lists, at, request, available } = question;
  return {
    certificate,
    headers: request.headers,
    facts: { deny: policy.deny, lists: lists.lists, now: at },
    secrets: available.secrets,
    receivedAt: at,
  };
}
