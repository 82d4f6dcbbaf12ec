// Checks the expiry of policy and certificates, and whether edge and origin have different policies.

import { secretNames } from "../../core/admission/secrets.ts";
import { describeExpiry } from "../../core/policy/expiry.ts";
import { listExpiries } from "../../origin/expiry.ts";
import { readSecret } from "../../origin/node/secret-files.ts";
import { oneLine } from "../../origin/node/tls/server-certificate.ts";
import { describeShared } from "../../origin/secrets.ts";
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
  const checked = [policy && "the policy", identity && "the given certificates"].filter(Boolean).join(" and ");
  const none = `${checked}: nothing without a replacement expires within ${WITHIN_DAYS} days`;
  return { check, seen: soon.length === 0 ? [none] : [], findings };
}

/**
 * Finds handshakes whose secret has the value of another secret, although the two must differ. Compares the secrets that are set
 * here, as an origin reads them. A secret that is empty or cannot be read counts as not set.
 */
export function checkSecrets({ policy }: Subject): CheckReport {
  const check = "secrets of handshakes";
  const empty = { check, seen: [], findings: [] };
  if (policy === undefined) return { ...empty, notChecked: "give --policy" };
  const names = policy.senders.flatMap(({ handshake }) => handshake?.secret ?? []);
  if (names.length === 0) return { ...empty, seen: ["no handshake of the policy has a secret"] };
  const texts = new Map(secretNames(policy).map((name) => [name, readText(name)]));
  if (names.every((name) => texts.get(name) === undefined))
    return { ...empty, notChecked: `set ${names.join(", ")} and the other secrets of the policy here` };
  const findings = describeShared(policy, (name) => texts.get(name)).map((text) =>
    found("handshake_secret_shared", text),
  );
  const compared = [...texts].flatMap(([name, text]) => (text === undefined ? [] : [name]));
  const none = `no handshake shares a secret that it must not share; compared here: ${compared.join(", ")}`;
  return { check, seen: findings.length === 0 ? [none] : [], findings };
}

function readText(name: string): string | undefined {
  try {
    return readSecret(name) || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Checks in the origin's log whether edge and origin had different policies when they judged the last event. If the policies were
 * different, the log line of the event has the digests of both policies, even if the event was refused.
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
