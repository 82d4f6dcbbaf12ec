// Why clients refuse a listener's own certificate, whatever they trust. Asked before it is presented to the first of them.

import type { X509Certificate } from "node:crypto";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const ANY_USE = "2.5.29.37.0";
const MIN_RSA_BITS = 2048;
/** The OID of embedded certificate timestamps (RFC 6962 §3.3), in DER. */
const SCT_LIST = Buffer.from("060a2b06010401d679020402", "hex");

/**
 * The faults of a certificate with what is behind it in its file; none where some client may accept it. Does not check that the names
 * are those that senders call, nor that anybody trusts the CA.
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

/** Who embeds certificate timestamps is a public CA, and its roots sign no server's certificate: what signed it is an intermediate. */
function lacksIntermediate(leaf: X509Certificate, chain: readonly X509Certificate[]): boolean {
  return leaf.raw.includes(SCT_LIST) && !chain.slice(1).some((issuer) => leaf.checkIssued(issuer));
}

/** Whether the extended key usage allows a server; a certificate without one is for any use. */
export function isForServers({ keyUsage }: X509Certificate): boolean {
  const uses = keyUsage as readonly string[] | undefined;
  return uses === undefined || uses.includes(SERVER_AUTH) || uses.includes(ANY_USE);
}

/** Node's text of a name, which has a line for each attribute. Only to be shown: identity is never taken from it. */
export function oneLine(name: string | undefined): string {
  return (name ?? "").replaceAll("\n", ", ");
}
