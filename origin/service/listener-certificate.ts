// Determines when the certificate of a listener expires: at the earliest expiry among the certificates of its PEM file.

import { X509Certificate } from "node:crypto";
import { ConfigurationError } from "../../core/configuration-error.ts";
import { messageOf } from "../../core/failure-chain.ts";
import type { Expiry } from "../../core/policy/expiry.ts";

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** @throws ConfigurationError if the text contains no certificate */
export function listenerExpiry(pem: string, file = "the listener's certificate"): Expiry {
  const chain = (pem.match(PEM_CERTIFICATE) ?? []).map((block) => parse(block, file));
  const [leaf] = chain;
  if (leaf === undefined) throw new ConfigurationError(file, ["holds no certificate in PEM"]);
  const first = chain.reduce((a, b) => (b.validToDate < a.validToDate ? b : a));
  const notAfter = first.validToDate.getTime() / 1000;
  return {
    kind: "listener-certificate",
    name: nameOf(leaf),
    pointer: undefined,
    sha256: first.fingerprint256.replaceAll(":", "").toLowerCase(),
    lifetimeSeconds: notAfter - first.validFromDate.getTime() / 1000,
    notAfter,
    refuses: true,
    remedy:
      first === leaf
        ? "renew it and replace the file: no sender connects after it"
        : `the intermediate ${nameOf(first)} behind it ends first: replace it in the file`,
  };
}

function parse(block: string, file: string): X509Certificate {
  try {
    return new X509Certificate(block);
  } catch (error) {
    throw new ConfigurationError(file, [messageOf(error)]);
  }
}

/** Returns the DNS names of a certificate, or the subject if there are no DNS names. */
function nameOf({ subjectAltName, subject }: X509Certificate): string {
  const hosts = [...(subjectAltName ?? "").matchAll(/DNS:([^,\s]+)/g)].map(([, host]) => host);
  return hosts.length > 0 ? hosts.join(",") : subject.replaceAll("\n", ",");
}
