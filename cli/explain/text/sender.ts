// Formats one sender of an explanation for people: each factor, and what the request has or lacks for this factor.

import { cut } from "../../../core/shown-text.ts";
import type { EntryExplanation } from "../../../origin/explain/entries.ts";
import type {
  BasicFactor,
  BodyFactor,
  CertificateFactor,
  SenderExplanation,
  SignatureFactor,
  TokenFactor,
} from "../../../origin/explain/senders.ts";
import { placeOfToken } from "../../../origin/token-place.ts";
import type { Line } from "../../output.ts";
import { type Row, tabulate } from "../../table.ts";
import { formatDetails, formatPath } from "./path.ts";

/** The number of entries that are shown to people. The JSON output has all compared entries. */
const SHOWN_ENTRIES = 5;

export function formatSender({
  sender,
  role,
  verdict,
  code,
  why,
  certificate,
  basic,
  token,
  signature,
  body,
}: SenderExplanation): Line[] {
  const reason = verdict === "undecided" ? `  ${why}` : code === null ? "" : `  ${code}`;
  return [
    `${role === "shadow" ? "shadow " : ""}sender ${sender}: ${verdict}${reason}`,
    ...tabulate([
      ...(certificate === null ? [["  certificate", "not required"]] : certificateRows(certificate)),
      ...(signature === null ? [] : signatureRows(signature)),
      ...(basic === null ? [] : basicRows(basic)),
      ...(token === null ? [] : tokenRows(token)),
      ...(body === null ? [] : bodyRows(body)),
    ]),
  ];
}

function certificateRows({ verdict, fault, unchecked, trust, entries }: CertificateFactor): Row[] {
  const head = ["  certificate", `${verdict}${fault === null ? "" : `  ${fault.code}`}`];
  const lines = uncheckedLines(unchecked);
  if (trust === null) return [head, ...lines.map((line) => [line])];
  const { holds, anchor, revocation, path } = trust;
  if (holds) lines.push(`    trust holds, by ${anchor === null ? "the platform alone" : `anchor ${anchor}`}`);
  else lines.push(...formatTrustFault(trust));
  if (revocation !== null) lines.push(`    revocation is in doubt: ${cut(revocation)}`);
  if (path !== null) lines.push(...formatPath(path).map((line) => `      ${line}`));
  lines.push(...entries.slice(0, SHOWN_ENTRIES).flatMap(formatEntry));
  if (entries.length > SHOWN_ENTRIES)
    lines.push(`    and ${entries.length - SHOWN_ENTRIES} further entries, see --json`);
  if (entries.length === 0) lines.push("    no certificate is accepted yet");
  return [head, ...lines.map((line) => [line])];
}

/**
 * Formats the fault of the certification path. If a certificate of the path has this fault, the details are shown at that
 * certificate, and not here.
 */
function formatTrustFault({ fault, path }: NonNullable<CertificateFactor["trust"]>): string[] {
  const isShownBelow = path?.certificates.some((certificate) => certificate.fault?.code === fault?.code);
  return [`    trust fails: ${fault?.code}${isShownBelow ? "" : `  ${formatDetails(fault?.details ?? {})}`}`];
}

/** Formats one entry. If it matches, all of its members are shown. Otherwise, only the members that do not match are shown. */
function formatEntry({ rule, matches, members }: EntryExplanation): string[] {
  const shown = members.filter(({ holds }) => matches || !holds);
  const lacking = shown.map(({ member }) => member).join(", ");
  return [
    matches ? `    matches ${rule}` : `    ${rule} lacks ${lacking}`,
    ...shown.flatMap(({ member, expected, presented, holds, hint }) =>
      holds
        ? [`      ${member}  ${textOf(expected)}`]
        : [
            `      ${member}  expected ${textOf(expected)}, presented ${textOf(presented)}${hint === null ? "" : ` (${hint})`}`,
          ],
    ),
  ];
}

function signatureRows({ verdict, scheme, headers, keys, method, fault, unchecked }: SignatureFactor): Row[] {
  const found = headers.length === 0 ? "none of its headers" : headers.join(", ");
  return [
    [
      "  signature",
      `${verdict}  ${scheme}${method === null ? "" : `, ${method}`}${fault === null ? "" : `  ${fault.code}: ${fault.why}`}`,
    ],
    [`    found ${found}; tried ${keys.length === 0 ? "no key" : keys.join(", ")}`],
    ...(fault === null ? [] : [[`    ${formatDetails(fault.details)}`]]),
    ...uncheckedLines(unchecked).map((line) => [line]),
  ];
}

function basicRows({ verdict, usernames, fault, unchecked, wasCheckedBefore }: BasicFactor): Row[] {
  return [
    ["  basic", textOfCredentials(verdict, fault, wasCheckedBefore)],
    [`    user names ${usernames.join(", ")}`],
    ...uncheckedLines(unchecked).map((line) => [line]),
  ];
}

function tokenRows(factor: TokenFactor): Row[] {
  const { verdict, secrets, fault, unchecked, wasCheckedBefore } = factor;
  return [
    ["  token", textOfCredentials(verdict, fault, wasCheckedBefore)],
    [`    ${placeOfToken(factor)}, one of ${secrets.join(", ")}`],
    ...uncheckedLines(unchecked).map((line) => [line]),
  ];
}

function bodyRows({ verdict, pointers, fault, unchecked }: BodyFactor): Row[] {
  return [
    ["  body", textOfCredentials(verdict, fault, false)],
    [`    values at ${pointers.join(", ")}`],
    ...uncheckedLines(unchecked).map((line) => [line]),
  ];
}

function textOfCredentials(verdict: string, fault: TokenFactor["fault"], wasCheckedBefore: boolean): string {
  const before = wasCheckedBefore ? "  checked when the event was stored; credentials are not kept" : "";
  return `${verdict}${fault === null ? "" : `  ${fault.code}: ${fault.why}`}${before}`;
}

function uncheckedLines(unchecked: readonly string[]): string[] {
  return unchecked.map((reason) => `    cannot be checked: ${reason}`);
}

function textOf(value: unknown): string {
  return cut(JSON.stringify(value));
}
