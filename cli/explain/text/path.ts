// Formats a certification path for people. Each certificate has several lines. The leaf is first.

import { cut } from "../../../core/shown-text.ts";
import { formatTime } from "../../../core/x509/crl.ts";
import type { CertificateExplanation, CrlExplanation, Fault, PathExplanation } from "../../../origin/explain/path.ts";

export function formatPath({ certificates, missingIssuer }: PathExplanation): string[] {
  const lines = certificates.flatMap(formatCertificate);
  if (missingIssuer === null) return lines;
  const isSelfIssued = certificates.at(-1)?.subject === missingIssuer;
  const issuer = isSelfIssued ? "it names itself as its issuer" : `no certificate of ${cut(missingIssuer)} was sent`;
  return [...lines, `  ENDS HERE  ${issuer}, and no anchor of this sender has that name and key`];
}

function formatCertificate(certificate: CertificateExplanation): string[] {
  const { role, anchor, subject, issuer, notBefore, notAfter, key, serial, isDenied, fault, crl } = certificate;
  return [
    `${role}${anchor === null ? "" : ` ${anchor}`}  ${cut(subject)}`,
    ...(role === "anchor" ? [] : [`  issued by ${cut(issuer)}`]),
    `  ${notBefore} to ${notAfter}, ${key}, serial ${serial}${isDenied ? ", DENIED" : ""}`,
    ...(crl === null ? [] : formatCrls(crl)),
    ...(fault === null ? [] : formatFault(fault)),
  ];
}

function formatCrls({ state, freshness, why, lists }: CrlExplanation): string[] {
  if (state === "not asked") return [];
  return [
    `  revocation${freshness === null ? "" : ` (${freshness})`}: ${state}${why === null ? "" : `, ${cut(why)}`}`,
    ...lists.map(
      ({ source, thisUpdate, nextUpdate, isSignedByIssuer }) =>
        `    list ${source} of ${thisUpdate}, next ${nextUpdate}${isSignedByIssuer ? "" : ", NOT SIGNED by this issuer's key"}`,
    ),
  ];
}

function formatFault({ code, why, details }: Fault): string[] {
  const detailLines = Object.keys(details).length === 0 ? [] : [`    ${formatDetails(details)}`];
  return [`  FAILS HERE  ${code}: ${why}`, ...detailLines];
}

const TIMES: ReadonlySet<string> = new Set(["notBefore", "notAfter", "thisUpdate", "timestamp", "now"]);

/** Formats the details of a refusal, with readable times. */
export function formatDetails(details: unknown): string {
  return cut(
    JSON.stringify(details, (name, value: unknown) =>
      typeof value === "number" && TIMES.has(name) ? formatTime(value) : value,
    ),
  );
}
