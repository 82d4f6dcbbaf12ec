// The cryptography of the runtime. All of core imports it from here, because each import of node:crypto adds a line to the bundle.

import { createHmac, createPublicKey, hash, KeyObject, timingSafeEqual, verify, X509Certificate } from "node:crypto";

export { createHmac, createPublicKey, KeyObject, timingSafeEqual, verify, X509Certificate };

/** Returns the SHA-256 digest in lower-case hex, or in another encoding. */
export function sha256(octets: Uint8Array | string, encoding?: "hex" | "base64"): string;
export function sha256(octets: Uint8Array | string, encoding: "buffer"): Buffer;
export function sha256(octets: Uint8Array | string, encoding: "hex" | "base64" | "buffer" = "hex"): Buffer | string {
  return hash("sha256", octets, encoding);
}
