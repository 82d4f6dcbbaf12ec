// Checks the server's request for a client certificate. A sender presents no certificate if the server sends no request, or if the
// request names only CAs that the sender does not know.

import type { Anchor } from "../../core/policy/policy.ts";
import { foldName, formatDistinguishedName, parseDistinguishedNameDer } from "../../core/x509/distinguished-name.ts";
import { type CheckReport, type Finding, found } from "./findings.ts";
import { type Handshake, readCertificateRequest } from "./handshake.ts";
import type { Subject } from "./subject.ts";

/**
 * The signature schemes that senders commonly need (RFC 8446 §4.2.3): ecdsa_secp256r1_sha256, and rsa_pkcs1_sha256 or
 * rsa_pss_rsae_sha256.
 */
const COMMON_ALGORITHMS: readonly (readonly [string, readonly number[]])[] = [
  ["ECDSA with P-256 and SHA-256", [0x0403]],
  ["RSA with SHA-256", [0x0401, 0x0804]],
];
/**
 * The names of the signature schemes that OpenSSL accepts, by their number in the list of IANA. Another scheme is shown as its
 * number.
 */
const SCHEME_NAMES: ReadonlyMap<number, string> = new Map([
  [0x0401, "rsa_pkcs1_sha256"],
  [0x0501, "rsa_pkcs1_sha384"],
  [0x0601, "rsa_pkcs1_sha512"],
  [0x0403, "ecdsa_secp256r1_sha256"],
  [0x0503, "ecdsa_secp384r1_sha384"],
  [0x0603, "ecdsa_secp521r1_sha512"],
  [0x0804, "rsa_pss_rsae_sha256"],
  [0x0805, "rsa_pss_rsae_sha384"],
  [0x0806, "rsa_pss_rsae_sha512"],
  [0x0807, "ed25519"],
  [0x0808, "ed448"],
  [0x0809, "rsa_pss_pss_sha256"],
  [0x080a, "rsa_pss_pss_sha384"],
  [0x080b, "rsa_pss_pss_sha512"],
  [0x081a, "ecdsa_brainpoolP256r1tls13_sha256"],
  [0x081b, "ecdsa_brainpoolP384r1tls13_sha384"],
  [0x081c, "ecdsa_brainpoolP512r1tls13_sha512"],
  [0x0904, "mldsa44"],
  [0x0905, "mldsa65"],
  [0x0906, "mldsa87"],
]);
const MOST_NAMES_SHOWN = 20;

/**
 * Compares the CAs that the server names with the anchors of the route's senders. Without a route, compares them with the anchors
 * of all senders.
 */
export function checkCertificateRequest({ policy, route }: Subject, handshake: Handshake): CheckReport {
  const check = "client certificate request";
  const request = readCertificateRequest(handshake);
  if (request === undefined)
    return {
      check,
      seen: [],
      findings: [found("certificate_not_requested", "no CertificateRequest in the handshake")],
    };
  const names = request.authorities.map(readName);
  const texts = [...new Set(names.map(({ text }) => text))];
  const shown = texts.slice(0, MOST_NAMES_SHOWN).map((text) => `names ${text}`);
  const more = texts.length > MOST_NAMES_SHOWN ? [`names ${texts.length - MOST_NAMES_SHOWN} more`] : [];
  const lacking = COMMON_ALGORITHMS.filter(
    ([, numbers]) => !numbers.some((one) => request.signatureAlgorithms.includes(one)),
  );
  const findings: Finding[] = lacking.map(([name]) => found("signature_algorithms_missing", `not ${name}`));
  const senders = route?.senders ?? policy?.senders ?? [];
  const anchors = new Set(senders.flatMap(({ certificate }) => certificate?.trust.anchors ?? []));
  if (names.length === 0) findings.push(found("ca_names_empty", "the list of CA names is empty"));
  else findings.push(...missingNames([...anchors], new Set(names.map(({ key }) => key))));
  const notChecked =
    policy === undefined ? { notChecked: "no policy is given: the named CAs are not compared with anchors" } : {};
  const schemes = request.signatureAlgorithms.map(
    (one) => SCHEME_NAMES.get(one) ?? `0x${one.toString(16).padStart(4, "0")}`,
  );
  const verified = `accepts signatures by ${schemes.length === 0 ? "no scheme" : schemes.join(", ")}`;
  return { check, seen: ["asks for a client certificate", ...shown, ...more, verified], findings, ...notChecked };
}

function missingNames(anchors: readonly Anchor[], named: ReadonlySet<string>): Finding[] {
  return anchors
    .filter(({ certificate }) => !named.has(certificate.foldedSubject))
    .map(({ name, certificate }) => found("ca_name_missing", `anchor ${name}: ${certificate.subjectText}`));
}

/**
 * Returns the text of a name, and the key by which the name is compared. If the certificate reader refuses the name, the key
 * matches no anchor.
 */
function readName(der: Buffer): { readonly text: string; readonly key: string } {
  try {
    const name = parseDistinguishedNameDer(der);
    return { text: formatDistinguishedName(name), key: foldName(name) };
  } catch {
    const hex = der.toString("hex");
    return { text: `a name that cannot be read (${hex.slice(0, 40)})`, key: hex };
  }
}
