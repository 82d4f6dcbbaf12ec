// Shows how the current policy judges a stored event, as lines with a verdict and the evidence.

import type { Policy, Route } from "../../../core/policy/policy.ts";
import { REFUSALS, Refusal } from "../../../core/refusal.ts";
import type { MemberExplanation } from "../../explain/entries.ts";
import { type EventExplanation, isTooLarge } from "../../explain/event.ts";
import type { CertificateExplanation, CrlExplanation, Fault } from "../../explain/path.ts";
import type {
  BasicFactor,
  BodyFactor,
  CertificateFactor,
  SenderExplanation,
  SignatureFactor,
  TokenFactor,
  Verdict,
} from "../../explain/senders.ts";
import type { StoredEvent } from "../../inbox/inbox.ts";
import { placeOfToken } from "../../token-place.ts";
import { formatBytes } from "../show.ts";
import type { Check } from "./judgement.ts";

const MAX_EVIDENCE_CHARACTERS = 2_000;
/** If no entry of the sender matches, this number of entries is shown. The nearest entry comes first. */
const SHOWN_ENTRIES = 3;

const VERDICTS: Readonly<Record<Verdict, Check["verdict"]>> = {
  accepted: "passed",
  refused: "failed",
  undecided: "unknown",
};

export function explainedChecks(
  event: StoredEvent,
  explanation: EventExplanation,
  policy: Policy,
  asksLists: boolean,
): Check[] {
  const { verdict, code, why, route, sender } = explanation;
  const told = [code, why].filter((part) => part !== null).join(": ");
  return [
    line("Event", VERDICTS[verdict], verdict === "accepted" ? `admitted as ${event.sender}` : told),
    event.policyDigest === policy.digest
      ? line("Policy", "passed", "the same as when it came")
      : line("Policy", "unknown", `another one since: it was ${event.policyDigest}`),
    ...routeChecks(event, route),
    ...(sender === undefined ? [] : senderChecks(sender)),
    ...(sender?.certificate ? [certificateNow(explanation, asksLists)] : []),
  ];
}

function line(what: string, verdict: Check["verdict"], evidence: string): Check {
  return { what, verdict, evidence: evidence.slice(0, MAX_EVIDENCE_CHARACTERS) };
}

function routeChecks(event: StoredEvent, route: Route | Refusal): Check[] {
  if (route instanceof Refusal) return [line("Route", "failed", textOfRefusal(route))];
  const isAdmitted = route.senders.some(({ name }) => name === event.sender);
  const isLarge = isTooLarge(event, route);
  const limit = `at most ${formatBytes(route.maxBodyBytes)}`;
  return [
    line(
      "Route",
      isAdmitted ? "passed" : "failed",
      `${route.path} takes ${route.methods.join(", ")} and ${isAdmitted ? "admits" : "does not admit"} ${event.sender}`,
    ),
    event.body === undefined
      ? line("Size of the body", "unknown", `the body is deleted; ${limit}`)
      : line("Size of the body", isLarge ? "failed" : "passed", `${formatBytes(event.body.byteLength)}, ${limit}`),
  ];
}

function senderChecks({ certificate, signature, basic, token, body }: SenderExplanation): Check[] {
  return [
    ...(certificate === null ? [] : certificateChecks(certificate)),
    ...(signature === null ? [] : signatureChecks(signature)),
    ...(basic === null ? [] : [basicCheck(basic)]),
    ...(token === null ? [] : [tokenCheck(token)]),
    ...(body === null ? [] : [bodyCheck(body)]),
  ];
}

function certificateChecks({ verdict, fault, unchecked, trust, entries }: CertificateFactor): Check[] {
  const evidence = verdict === "accepted" ? "proven, and accepted" : textOf(fault, unchecked);
  const whole = line("Certificate", VERDICTS[verdict], evidence);
  return trust === null ? [whole] : [whole, ...trustChecks(trust), ...entryChecks(entries)];
}

function trustChecks({ holds, anchor, fault, revocation, path }: NonNullable<CertificateFactor["trust"]>): Check[] {
  const by = anchor === null ? "the platform alone" : `the anchor ${anchor}`;
  const doubt = revocation === null ? "" : `; revocation is in doubt: ${revocation}`;
  const missing = path?.missingIssuer ?? null;
  return [
    line("Trust", holds ? "passed" : "failed", holds ? `it holds, by ${by}${doubt}` : textOf(fault, [])),
    ...(path?.certificates.map(pathCheck) ?? []),
    ...(missing === null ? [] : [line("Path: missing", "failed", missing)]),
  ];
}

/** Shows the entry that matches, or the nearest entries. */
function entryChecks(entries: CertificateFactor["entries"]): Check[] {
  const [first] = entries;
  if (first === undefined) return [line("Entry", "failed", "the sender accepts no certificate yet")];
  const shown = first.matches ? [first] : entries.slice(0, SHOWN_ENTRIES);
  return shown.flatMap(({ rule, matches, members }) => [
    line(`Entry ${rule}`, matches ? "passed" : "failed", matches ? "matches" : "does not match"),
    ...members.map((one) => line(`Entry: ${one.member}`, one.holds ? "passed" : "failed", textOfMember(one))),
  ]);
}

function pathCheck({ role, anchor, subject, key, notBefore, notAfter, isDenied, fault, crl }: CertificateExplanation) {
  const facts = [
    subject,
    key,
    `${notBefore} to ${notAfter}`,
    ...(isDenied ? ["denied"] : []),
    ...(fault === null ? [] : [textOf(fault, [])]),
    ...(crl === null ? [] : textOfCrl(crl)),
  ];
  const isFailed = fault !== null || isDenied || crl?.state === "revoked" || crl?.state === "unknown";
  return line(`Path: ${anchor === null ? role : `anchor ${anchor}`}`, isFailed ? "failed" : "passed", facts.join("; "));
}

function textOfCrl({ state, why, lists }: CrlExplanation): string[] {
  if (state === "not asked") return [];
  const signed = lists.filter(({ isSignedByIssuer }) => isSignedByIssuer);
  return [
    `revocation: ${state}${why === null ? "" : `, ${why}`}`,
    ...signed.map(({ thisUpdate, nextUpdate }) => `list of ${thisUpdate}, next ${nextUpdate}`),
  ];
}

function textOfMember({ expected, presented, holds, hint }: MemberExplanation): string {
  const wanted = `wanted ${JSON.stringify(expected)}`;
  return holds ? wanted : `${wanted}, received ${JSON.stringify(presented)}${hint === null ? "" : ` (${hint})`}`;
}

function signatureChecks({ verdict, scheme, headers, keys, method, fault, unchecked }: SignatureFactor): Check[] {
  const found = headers.length === 0 ? "none of its headers is stored" : `by ${headers.join(", ")}`;
  const tried = keys.length === 0 ? "no secret of it is loaded here" : `with the secrets ${keys.join(", ")}`;
  const result = verdict === "accepted" ? `${scheme}, ${method}` : `${scheme}: ${textOf(fault, unchecked)}`;
  return [line("Signature", VERDICTS[verdict], `${result}; ${found}; ${tried}`)];
}

const CHECKED_BEFORE = "checked when it came; credentials are not stored";

function basicCheck({ verdict, usernames, fault, unchecked, wasCheckedBefore }: BasicFactor): Check {
  const result = wasCheckedBefore ? CHECKED_BEFORE : verdict === "accepted" ? "accepted" : textOf(fault, unchecked);
  const names = usernames.length === 0 ? "the current policy asks for none" : `for ${usernames.join(", ")}`;
  return line("User name and password", VERDICTS[verdict], `${result}; ${names}`);
}

function tokenCheck(factor: TokenFactor): Check {
  const { verdict, secrets, fault, unchecked, wasCheckedBefore } = factor;
  const result = wasCheckedBefore ? CHECKED_BEFORE : verdict === "accepted" ? "accepted" : textOf(fault, unchecked);
  return line(
    "Token",
    VERDICTS[verdict],
    `${result}; ${placeOfToken(factor)}, one of the secrets ${secrets.join(", ")}`,
  );
}

function bodyCheck({ verdict, pointers, fault, unchecked }: BodyFactor): Check {
  const result = verdict === "accepted" ? "accepted" : textOf(fault, unchecked);
  return line("Values of the body", VERDICTS[verdict], `${result}; at ${pointers.join(", ")}`);
}

function certificateNow({ certificateNow: refusal }: EventExplanation, asksLists: boolean): Check {
  const what = "Certificate, if it came now";
  const lists = asksLists ? "" : "; revocation lists are not asked here";
  return refusal === undefined
    ? line(what, "passed", `admitted${lists}`)
    : line(what, "failed", textOfRefusal(refusal));
}

/**
 * Returns the text of a fault. If something could not be checked, returns a text that says what, because a missing check is not a
 * fault.
 */
function textOf(fault: Fault | null, unchecked: readonly string[]): string {
  if (unchecked.length > 0) return `cannot be checked: ${unchecked.join("; ")}`;
  return fault === null ? "" : textOfFault(fault.code, fault.why, fault.details);
}

function textOfRefusal({ code, details }: Refusal): string {
  return textOfFault(code, REFUSALS[code][1], details);
}

function textOfFault(code: string, why: string, details: Readonly<Record<string, unknown>>): string {
  return `${code}: ${why}${Object.keys(details).length === 0 ? "" : `; ${JSON.stringify(details)}`}`;
}
