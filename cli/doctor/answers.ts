// Checks the server's answers to a request without a certificate, with a stranger's certificate, and with a sender's certificate.

import type { Problem } from "../../core/refusal.ts";
import { CLOCK_SKEW_SECONDS } from "../../core/wire.ts";
import { loadOptional } from "../../origin/optional-package.ts";
import { type CheckReport, type Finding, type FindingCode, found } from "./findings.ts";
import { ask, describeReply, isAccepted, isRedirect, type Reply, type Subject } from "./subject.ts";

/**
 * For each problem that has a finding of its own, the code of this finding. Every other problem only says that the sender was not
 * proven.
 */
const OTHER_PROBLEMS: Readonly<Partial<Record<Problem, FindingCode>>> = {
  "unknown-host": "host_not_served",
  "not-found": "route_not_found",
  "method-not-allowed": "method_refused",
  unavailable: "server_failing",
  "internal-error": "server_failing",
  "bad-gateway": "server_failing",
  "gateway-timeout": "server_failing",
};

/** Checks that a request without a certificate is refused. */
export async function checkWithoutCertificate(subject: Subject): Promise<{ report: CheckReport; reply: Reply }> {
  const reply = await ask(subject.url.href);
  const evidence = `POST without a certificate: ${describeReply(reply)}`;
  const findings = isAccepted(reply) ? [found("certificate_not_needed", evidence)] : judgeRefusal(reply, evidence);
  return { report: { check: "answer without a certificate", seen: [evidence], findings }, reply };
}

/**
 * Returns what is wrong with the answer. There is no finding if the server breaks off the handshake, or if it refuses the request
 * because the sender is not proven.
 */
function judgeRefusal(reply: Reply, evidence: string): Finding[] {
  const { status, problem, error } = reply;
  if (error !== undefined) return [];
  if (problem !== undefined) {
    const code = OTHER_PROBLEMS[problem];
    return code === undefined ? [] : [found(code, evidence)];
  }
  if (isRedirect(reply)) return [found("redirected", `${evidence} to ${reply.location ?? "nowhere"}`)];
  return [found(status >= 500 ? "server_failing" : "other_server", evidence)];
}

/** Presents a certificate from a CA that is made here. This CA has the same name as a CA of the senders, but a different key. */
export async function checkStranger(subject: Subject): Promise<CheckReport> {
  const check = "answer to a stranger";
  const stranger = await makeStranger(subject).catch((error: Error) => error);
  if (stranger instanceof Error) return { check, seen: [], findings: [], notChecked: stranger.message };
  const reply = await ask(subject.url.href, stranger);
  const evidence = `POST with a certificate that no known CA signed: ${describeReply(reply)}`;
  const findings = isAccepted(reply) ? [found("stranger_accepted", evidence)] : [];
  return { check, seen: [evidence], findings };
}

async function makeStranger({ route }: Subject): Promise<{ certificate: string; key: string }> {
  const { issueCertificate } = await loadOptional(
    "a stranger's certificate",
    ["@peculiar/x509", "reflect-metadata"],
    () => import("../dev/authority.ts"),
  );
  const [anchor] = route?.senders.flatMap(({ certificate }) => certificate?.trust.anchors ?? []) ?? [];
  const name = anchor?.certificate.subject.flat().find((one) => one.type === COMMON_NAME && "text" in one);
  const text = name !== undefined && "text" in name ? name.text : "Countersign doctor";
  const ca = await issueCertificate({ subject: [{ CN: [text] }], ca: {} });
  const leaf = await issueCertificate({ subject: [{ CN: ["countersign-doctor.invalid"] }] }, ca);
  return { certificate: `${leaf.pem}\n${ca.pem}`, key: leaf.keyPem };
}

const COMMON_NAME = "2.5.4.3";

/** Checks the answer to the given certificate. The posted body is an event. If the server accepts it, a handler receives it. */
export async function checkGiven(subject: Subject): Promise<CheckReport> {
  const check = "answer to the given certificate";
  const { identity, signature, url } = subject;
  if (identity === undefined)
    return { check, seen: [], findings: [], notChecked: "give --certificate and --key of a sender" };
  const reply = await ask(url.href, { certificate: identity.certificate, key: identity.key, headers: signature });
  const evidence = `POST with the given certificate: ${describeReply(reply)}`;
  return { check, seen: [evidence], findings: isAccepted(reply) ? [] : [found("given_refused", evidence)] };
}

/** Compares the response header `Date`, in whole seconds, with the local clock. */
export function checkClock(reply: Reply, now: Date): CheckReport {
  const check = "clock";
  const date = reply.date === undefined ? undefined : new Date(reply.date);
  if (date === undefined || Number.isNaN(date.getTime()))
    return { check, seen: [], findings: [], notChecked: "no answer tells the server's time" };
  const seconds = Math.round((date.getTime() - now.getTime()) / 1000);
  const evidence = `the server's clock is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead of"} the one here`;
  return {
    check,
    seen: [evidence],
    findings: Math.abs(seconds) > CLOCK_SKEW_SECONDS ? [found("clock_skew", evidence)] : [],
  };
}
