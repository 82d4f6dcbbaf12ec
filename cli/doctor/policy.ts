// Checks the expiry of policy and certificates, and whether edge and origin have different policies.

import { describeExpiry } from "../../core/policy/expiry.ts";
import { listExpiries } from "../../origin/expiry.ts";
import { readLogFile } from "../log/read.ts";
import { type CheckReport, found } from "./findings.ts";
import type { Subject } from "./subject.ts";

const DAY_SECONDS = 86_400;
const WITHIN_DAYS = 30;

/**
 * Checks the expiry of the policy's anchors, of its entries with an `until`, and of the given certificate. `now` is in Unix
 * seconds.
 */
export function checkExpiry({ policy, identity }: Subject, now: number): CheckReport {
  const check = "expiry";
  if (policy === undefined && identity === undefined)
    return { check, seen: [], findings: [], notChecked: "give --policy, or --certificate and --key" };
  const own = identity?.chain[0]?.validToDate.getTime();
  const given = own === undefined ? [] : [{ what: "the given certificate", notAfter: own / 1000 }];
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
 * Checks in the origin's log whether edge and origin had different policies when they judged the last accepted event. If they had,
 * the line of the event has both digests.
 */
export function checkDrift({ policy, options: { log } }: Subject): CheckReport {
  const check = "policy of edge and origin";
  if (log === undefined) return { check, seen: [], findings: [], notChecked: "give --log with the origin's log lines" };
  const judged = readLogFile(log).filter(({ decision }) => decision === "accepted" || decision === "duplicate");
  const last = judged.at(-1);
  if (last === undefined) return { check, seen: [], findings: [], notChecked: `${log} has no accepted event` };
  const drift = last["policyDrift"];
  const digest = policy === undefined ? "" : `; the policy given here has ${policy.digest}`;
  return drift === undefined
    ? { check, seen: [`the last accepted event was judged by one policy${digest}`], findings: [] }
    : { check, seen: [], findings: [found("policy_drift", `${JSON.stringify(drift)}${digest}`)] };
}
