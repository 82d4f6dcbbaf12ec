// Runs all checks of `countersign doctor`, in the order of a request: connection, handshake, response. Checks of local files come
// last.

import { checkClock, checkGiven, checkStranger, checkWithoutCertificate } from "./answers.ts";
import { checkAlso, checkOrigin, checkOtherHosts, checkPlainHttp } from "./around.ts";
import { type CheckReport, found } from "./findings.ts";
import { checkKeys } from "./keys.ts";
import { checkDrift, checkExpiry, checkSecrets } from "./policy.ts";
import { checkCertificateRequest } from "./request.ts";
import { checkConnection, checkServerCertificate, checkVersions, NO_OPENSSL } from "./server.ts";
import type { Subject } from "./subject.ts";

/** Runs every check. If the server cannot be reached, runs only the checks that need no server. */
export async function examineEndpoint(subject: Subject): Promise<CheckReport[]> {
  const now = new Date();
  const alone = () => [
    checkExpiry(subject, Math.floor(now.getTime() / 1000)),
    checkSecrets(subject),
    checkDrift(subject),
  ];
  const { report, connection, handshake } = await checkConnection(subject);
  if (report.findings.length > 0) return [report, ...alone()];
  const [versions, requested] =
    handshake === undefined
      ? [unread("TLS versions"), unread("client certificate request")]
      : [await checkVersions(subject), checkCertificateRequest(subject, handshake)];
  const { report: nobody, reply } = await checkWithoutCertificate(subject);
  return [
    report,
    checkServerCertificate(subject, connection, handshake, now),
    versions,
    requested,
    withPolicyRoute(subject, nobody),
    await checkStranger(subject),
    await checkGiven(subject),
    await checkPlainHttp(subject),
    await checkOtherHosts(subject, reply),
    await checkAlso(subject),
    await checkOrigin(subject),
    await checkKeys(subject),
    checkClock(reply, new Date()),
    ...alone(),
  ];
}

function unread(check: string): CheckReport {
  return { check, seen: [], findings: [], notChecked: NO_OPENSSL };
}

/** Adds a finding if the given policy has no route for the path. The server may have a different policy. */
function withPolicyRoute({ policy, route, url }: Subject, report: CheckReport): CheckReport {
  if (policy === undefined || route !== undefined || report.findings.length > 0) return report;
  return {
    ...report,
    findings: [found("route_not_found", `the policy given here has no route for POST ${url.pathname}`)],
  };
}
