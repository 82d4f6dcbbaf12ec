// Finds faults because of which every client refuses a listener's own certificate, whichever CAs the client trusts. The faults are
// found before the certificate is presented to the first client.

import type { X509Certificate } from "node:crypto";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const ANY_USE = "2.5.29.37.0";
const MIN_RSA_BITS = 2048;
/** The OID of embedded certificate timestamps (RFC 6962 §3.3), in DER. */
const SCT_LIST = Buffer.from("060a2b06010401d679020402", "hex");

/**
 * Returns the faults of a server certificate. `chain` has this certificate, followed by the other certificates of its file. Returns
 * no fault if some client may accept the certificate. Does not check that senders use one of the certificate's names, or that
 * anybody trusts its CA.
 */
export function faultsOfServer(chain: readonly X509Certificate[], now = Date.now()): string[] {
  const [leaf] = chain;
  if (leaf === undefined) return ["there is no certificate"];
  const faults: string[] = [];
  if (leaf.validToDate.getTime() < now) faults.push(`the certificate expired on ${leaf.validTo}; renew it`);
  if (leaf.validFromDate.getTime() > now) faults.push(`the certificate is not valid before ${leaf.validFrom}`);
  if (!isForServers(leaf)) faults.push("the certificate is not for servers (its extended key usage lacks serverAuth)");
  const bits = leaf.publicKey.asymmetricKeyDetails?.modulusLength ?? MIN_RSA_BITS;
  if (bits < MIN_RSA_BITS) faults.push(`its RSA key has ${bits} bits, and clients want ${MIN_RSA_BITS}`);
  if (lacksIntermediate(leaf, chain))
    faults.push(
      `the file lacks the intermediate certificate ${oneLine(leaf.issuer)}, which signed the first one: use the file with the whole chain (fullchain.pem)`,
    );
  return faults;
}

/**
 * Returns true if the issuer of the certificate must be in the file, but is missing. If a certificate embeds timestamps, a public
 * CA issued it. The roots of public CAs sign no server certificates, so an intermediate signed this certificate.
 */
function lacksIntermediate(leaf: X509Certificate, chain: readonly X509Certificate[]): boolean {
  return leaf.raw.includes(SCT_LIST) && !chain.slice(1).some((issuer) => leaf.checkIssued(issuer));
}

/** Returns true if the extended key usage allows a server. A certificate without an extended key usage is for any use. */
export function isForServers({ keyUsage }: X509Certificate): boolean {
  const uses = keyUsage as readonly string[] | undefined;
  return uses === undefined || uses.includes(SERVER_AUTH) || uses.includes(ANY_USE);
}

/**
 * Writes Node's text of a name on one line. Node writes one line for each attribute. The text is only shown, and never used to
 * identify anybody.
 */
export function oneLine(name: string | undefined): string {
  return (name ?? "").replaceAll("\n", ", ");
}
