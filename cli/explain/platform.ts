// Predicts Cloudflare's verdict on the certificate. The user can state the verdict. Otherwise OpenSSL verifies the certificate with
// the policy's anchors as CAs, because the policy does not say which CAs the hostname has at Cloudflare.

import { X509Certificate } from "node:crypto";
import { emulateTlsClientAuth } from "../cloudflare/tls-client-auth.ts";
import type { CommandQuestion } from "./question.ts";

export interface PlatformExplanation {
  /** Cloudflare's verdict, in the spelling of `certVerified`. */
  readonly verified: string;
  readonly from: "stated" | "openssl" | "assumed";
  readonly note: string;
}

/**
 * Cloudflare's verdict if the CA of the certificate is not among the CAs of the hostname. The anchors of the policy can still prove
 * such a certificate.
 */
const NOT_KNOWN = "FAILED:unable to get local issuer certificate";

export async function readPlatform({
  platform,
  chain,
  policy,
  at,
  askOpenssl,
}: CommandQuestion): Promise<PlatformExplanation> {
  if (platform !== undefined)
    return { verified: platform, from: "stated", note: `Cloudflare's verdict as given: ${platform}` };
  const assumed = (why: string): PlatformExplanation => ({
    verified: NOT_KNOWN,
    from: "assumed",
    note: `Cloudflare's verdict is assumed to be "${NOT_KNOWN}", because ${why}`,
  });
  if (chain === undefined) return assumed("there is no certificate");
  const anchors = policy.anchors.map(({ certificate }) => certificate.base64);
  const openssl = await askOpenssl({ ...chain, anchors, isPartialChain: false, at });
  if (!("code" in openssl)) return assumed(openssl.why);
  const verified = spell(chain.leaf, openssl.code);
  if (verified === undefined) return assumed("the certificate cannot be read");
  return { verified, from: "openssl", note: `Cloudflare's verdict, if its CAs are the policy's anchors: ${verified}` };
}

function spell(leaf: string, authorizationError: string): string | undefined {
  try {
    const certificate = new X509Certificate(Buffer.from(leaf, "base64"));
    return emulateTlsClientAuth({ leaf: certificate, intermediates: [], authorizationError }).certVerified;
  } catch {
    return undefined;
  }
}
