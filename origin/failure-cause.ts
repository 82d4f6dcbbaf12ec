// Explains errors of Node by their codes. The edge cannot use these codes, because workerd has none of them: for every host that it
// cannot reach, workerd reports "Network connection lost." or "internal error".

import { describeCauses, LATE, type Meaning } from "../core/failure-chain.ts";

/** The meaning of each error code, and what to check. The codes are those of the operating system, of OpenSSL and of Node. */
const MEANINGS: readonly Meaning[] = [
  [/^ECONNREFUSED$/, "nothing listens at this address and port"],
  [/^(?:ENOTFOUND|EAI_AGAIN)$/, "DNS does not know the host name, or does not answer"],
  [/^E(?:HOST|NET)UNREACH$/, "no route leads to this address"],
  LATE,
  [/^(?:ECONNRESET|EPIPE|UND_ERR_SOCKET)$/, "the other side closed the connection before it answered"],
  [/SELF_SIGNED_CERT|^UNABLE_TO_|^CERT_UNTRUSTED$/, "the server's CA is not trusted here, or it sent no intermediate"],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired"],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, "the server's certificate is for another host name"],
  [/wrong.version.number|packet.length.too.long/i, "the server does not speak TLS at this port: is it http?"],
  [/alert.(?:unknown.ca|bad.cert|cert)/i, "the server did not accept the client certificate, or wants one"],
  [/^unexpected redirect$/, "redirects are not followed: name the address to which it leads"],
];

/** Returns the chain of causes of an error, with the meaning of each code. Accepts any thrown value. */
export function describeCause(error: unknown): string {
  return describeCauses(error, MEANINGS);
}
