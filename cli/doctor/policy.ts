// Checks the expiry of policy and certificates, and whether edge and origin have different policies.

import { describeExpiry } from "../../core/policy/expiry.ts";
import { listExpiries } from "../../origin/expiry.ts";
import { oneLine } from "../../origin/node/tls/server-certificate.ts";
import { type CheckReport, found } from "./findings.ts";
import type { Subject } from "./subject.ts";

const DAY_SECONDS = 86_400;
const WITHIN_DAYS = 30;

/**
 * Checks the expiry of the policy's anchors, of its entries with an `until`, and of the given certificates. `now` is in Unix
 * seconds.
 */
export function checkExpiry({ policy, identity }: Subject, now: number): CheckReport {
  const check = "expiry";
  if (policy === undefined && identity === undefined)
    return { check, seen: [], findings: [], notChecked: "give --policy, or --certificate and --key" };
  const given = (identity?.chain ?? []).map(({ subject, validToDate }, index) => ({
    what: index === 0 ? "the given certificate" : `the given intermediate ${oneLine(subject)}`,
    notAfter: validToDate.getTime() / 1000,
  }));
  const expiries = policy === undefined ? [] : listExpiries(policy, now, []);
  const listed = expiries
    .filter(({ refuses }) => refuses)
    .map((ending) => ({ what: `${ending.kind} ${describeExpiry(ending, now).name}`, notAfter: ending.notAfter }));
  const soon = [...listed, ...given].filter(({ notAfter }) => notAfter <= now + WITHIN_DAYS * DAY_SECONDS);
  const findings = soon.map(({ what, notAfter }) =>
    found(notAfter <= now ? "ended" : "ends_soon", `${what}: ${new Date(notAfter * 1000).toISOString()}`),
  );
  return { check, seen: soon.length === 0 ? [`nothing expires within ${WITHIN_DAYS} days`] : [], findings };
}

/**
 * Checks in the origin's log whether edge and origin had different policies when they judged the last event. If the policies were
 * different, the log line of the event has the digests of both policies. A refused event has such a line too.
 */
export function checkDrift({ policy, options: { log } }: Subject): CheckReport {
  const check = "policy of edge and origin";
  if (log === undefined) return { check, seen: [], findings: [], notChecked: "give --log with the origin's log lines" };
  const last = log.lines.findLast(
    (line) => line.decision === "accepted" || line.decision === "duplicate" || line["policyDrift"] !== undefined,
  );
  if (last === undefined) return { check, seen: [], findings: [], notChecked: `${log.file} has no accepted event` };
  const drift = last["policyDrift"];
  const digest = policy === undefined ? "" : `; the policy given here has ${policy.digest}`;
  return drift === undefined
    ? { check, seen: [`the last event was judged by one policy${digest}`], findings: [] }
    : { check, seen: [], findings: [found("policy_drift", `${JSON.stringify(drift)}${digest}`)] };
}
