// Finds the parts of a policy that expire, and whether events will be refused afterwards. These parts are CA certificates, and the
// windows (`from` to `until`) of entries in `certificates`. An origin passes an Outlook, a function that knows which certificates
// senders present. An edge does not know these certificates, so it passes none.

import { formatPointer } from "../configuration-error.ts";
import type { LogLine } from "../log-line.ts";
import { MAX_WATCHED_WINDOWS } from "../wire.ts";
import { isInDate, isSameAuthority } from "../x509/certificate.ts";
import { formatTime } from "../x509/crl.ts";
import type { Anchor, CertificateRule, Intermediate, Policy, Sender } from "./policy.ts";

const DAY_SECONDS = 86_400;
/**
 * The operator is warned this many days before an expiry. Thirty days are enough to get a certificate from another company's
 * security team.
 */
const WARNING_DAYS = [1, 3, 7, 14, 30];

/** A part of the policy, or a certificate, that expires. */
export interface Expiry {
  readonly kind: "sender-certificate" | "anchor" | "intermediate" | "listener-certificate" | "policy-window";
  /** The name of the sender or the anchor, or the host of the listener. */
  readonly name: string;
  /** The JSON pointer to the expiring part in the policy. Undefined for a listener's certificate, which is not in the policy. */
  readonly pointer: string | undefined;
  /** The SHA-256 digest of the certificate that expires. Undefined for a window. */
  readonly sha256?: string | undefined;
  /** The time from `notBefore` to `notAfter` of a certificate. Undefined for a window. */
  readonly lifetimeSeconds?: number | undefined;
  /** Unix seconds. For a certificate, the last second of its validity. For a window, the first second after it. */
  readonly notAfter: number;
  /** True if events will be refused afterwards. False if another certificate or entry continues to admit them. */
  readonly refuses: boolean;
  /** The action that the operator should take. */
  readonly remedy: string;
}

/**
 * Looks at the certificates that the sender was seen to present. Of these, only the ones that the current policy admits at the time
 * `before` count. Returns true if the policy still admits all of them at the time `after`. Returns undefined if there are none.
 */
export type Outlook = (sender: Sender, before: number, after: number) => boolean | undefined;

/**
 * Lists the expiry of every CA certificate and every window that routes use. Leaves out an expiry in the past that causes no
 * refusals.
 */
export function listPolicyExpiries(policy: Policy, now: number, outlook: Outlook = () => undefined): Expiry[] {
  const senders = sendersInUse(policy);
  return [
    ...policy.anchors.flatMap((anchor) => endAuthority("anchor", anchor, senders, now, outlook) ?? []),
    ...policy.intermediates.flatMap((one) => endAuthority("intermediate", one, senders, now, outlook) ?? []),
    ...senders.flatMap((sender) => windowExpiries(sender, now, outlook)),
  ].filter(({ refuses, notAfter }) => refuses || notAfter > now);
}

/** Returns the senders that some route admits and that need a certificate. */
export function sendersInUse({ routes }: Policy): Sender[] {
  const senders = new Set(routes.flatMap((route) => route.senders));
  return [...senders].filter(({ certificate }) => certificate !== undefined);
}

/**
 * Describes the expiry of a CA certificate of the policy. Returns undefined if no sender uses the certificate. `outlook` says
 * whether events will be refused afterwards. If it returns undefined, events are refused unless another CA certificate replaces
 * this one. An anchor is replaced by any other anchor of the sender. An intermediate is replaced only by another intermediate of
 * the same CA.
 */
function endAuthority(
  kind: "anchor" | "intermediate",
  { name, certificate }: Anchor | Intermediate,
  senders: readonly Sender[],
  now: number,
  outlook: Outlook,
): Expiry | undefined {
  const { notBefore, notAfter, sha256 } = certificate;
  const after = Math.max(notAfter + 1, now);
  const authoritiesOf = (sender: Sender) =>
    anchorsOf(sender).flatMap((anchor) => (kind === "anchor" ? anchor.certificate : anchor.intermediates));
  const users = senders.filter((sender) => authoritiesOf(sender).includes(certificate));
  if (users.length === 0) return undefined;
  const losers = users.filter((sender) => {
    const hasOther = authoritiesOf(sender).some(
      (one) => isInDate(one, after) && (kind === "anchor" || isSameAuthority(one, certificate)),
    );
    // If the certificate has already expired, `outlook` is not called. `outlook` knows only certificates with which senders were
    // admitted. Certificates that depend on the expired one have been refused since the expiry, so `outlook` does not know whether
    // senders still present them. These refusals are in the log.
    return !((notAfter < now ? undefined : outlook(sender, notAfter, after)) ?? hasOther);
  });
  const names = losers.map((sender) => sender.name).join(", ");
  const remedy =
    losers.length > 0
      ? `nothing that ${names} presents below it will then be proven: add the CA certificate that follows it`
      : `its senders have another ${kind}: remove it when it has expired`;
  const pointer = formatPointer([`${kind}s`, name]);
  const lifetimeSeconds = notAfter - notBefore;
  return { kind, name, pointer, sha256, lifetimeSeconds, notAfter, refuses: losers.length > 0, remedy };
}

function anchorsOf({ certificate }: Sender): readonly Anchor[] {
  return certificate?.trust.anchors ?? [];
}

/**
 * Returns the expiries of the sender's windows that end next. If no window is open now, also returns the expiry of the window that
 * ended last.
 */
function windowExpiries(sender: Sender, now: number, outlook: Outlook): Expiry[] {
  const { matchers } = (sender.certificate as CertificateRule).allowlist;
  const isAnyOpen = (at: number) => matchers.some(({ from, until }) => from <= at && at < until);
  const begins = matchers.flatMap(({ from }) => (from > now ? from : [])).sort((a, b) => a - b);
  const windows = [...matchers.entries()]
    .filter(([, { until }]) => until !== Infinity)
    .sort(([, a], [, b]) => a.until - b.until);
  const ended = isAnyOpen(now) ? [] : windows.filter(([, { until }]) => until <= now).slice(-1);
  const coming = windows.filter(([, { until }]) => until > now).slice(0, MAX_WATCHED_WINDOWS);
  return [...ended, ...coming].map(([index, { until }]): Expiry => {
    const after = Math.max(until, now);
    const isCovered = (at: number) => (until > now ? outlook(sender, until - 1, at) : undefined) ?? isAnyOpen(at);
    const refuses = !isCovered(after);
    const next = refuses ? begins.filter((begin) => begin > after).slice(0, MAX_WATCHED_WINDOWS) : [];
    return {
      kind: "policy-window",
      name: sender.name,
      pointer: formatPointer(["senders", sender.name, "certificates", index]),
      notAfter: until,
      refuses,
      remedy: refuses
        ? closeGap(after, next.find(isCovered))
        : "another entry continues: remove this one when it has ended",
    };
  });
}

function closeGap(after: number, next: number | undefined): string {
  if (next === undefined) return "no other entry accepts the sender: add one, or move `until`";
  return `nothing is accepted from ${formatTime(after)} until ${formatTime(next)}: let the two entries overlap`;
}

/** Returns the expiry in the form of log lines and reports. */
export function describeExpiry({ kind, name, pointer, sha256, notAfter, refuses, remedy }: Expiry, now: number) {
  return {
    what: kind,
    name,
    pointer,
    sha256,
    notAfter: formatTime(notAfter),
    days: Math.floor((notAfter - now) / DAY_SECONDS),
    refuses,
    remedy,
  };
}

/**
 * Returns a log line for each expiry that has reached a threshold of `WARNING_DAYS`. Skips an expiry if `told` says that it was
 * already returned for this threshold, and adds the others to `told`. A certificate is reported only in the last third of its
 * lifetime. Otherwise a certificate that is valid for one day would be reported every day, although it is renewed every day.
 */
export function warnOfExpiries(expiries: readonly Expiry[], now: number, told: Set<string>): LogLine[] {
  return expiries.flatMap((ending) => {
    const { kind, name, pointer, sha256, lifetimeSeconds = Infinity, notAfter } = ending;
    const left = notAfter - now;
    const threshold = left <= 0 ? 0 : WARNING_DAYS.find((days) => left <= days * DAY_SECONDS);
    const key = [kind, name, pointer, sha256, notAfter, threshold].join(" ");
    if (threshold === undefined || left * 3 > lifetimeSeconds || told.has(key)) return [];
    told.add(key);
    return [{ decision: "expiring", ...describeExpiry(ending, now) }];
  });
}
