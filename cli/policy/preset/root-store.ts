// Finds a public root in Node's own store. The root is found by its fingerprint, because anyone can give any name to a certificate.

import { createHash } from "node:crypto";
import { rootCertificates } from "node:tls";
import { type Certificate, parseCertificate } from "../../../core/x509/certificate.ts";

const ARMOUR = /-----(?:BEGIN|END) CERTIFICATE-----|\s+/g;

/** Returns the root with this SHA-256 (lower-case hex). Undefined if Node's store does not have this root. */
export function findPublicRoot(sha256: string): Certificate | undefined {
  for (const pem of rootCertificates) {
    const base64 = pem.replace(ARMOUR, "");
    if (createHash("sha256").update(base64, "base64").digest("hex") === sha256) return parseCertificate(base64);
  }
  return undefined;
}
