// Finds conflicts between the senders of a route. A request belongs to the first sender whose factors all pass. So a factor of one
// sender has no effect if another sender accepts the same request without this factor. A sender has no effect if an earlier sender
// accepts the same requests.

import { formatPointer } from "../../../core/configuration-error.ts";
import type { Route, Sender, SignatureRule, TokenRule, Trust } from "../../../core/policy/policy.ts";
import { type EntryConditions, haveCommonTime, isWindowWithin } from "./conditions.ts";
import { errorAt, type Finding, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

type Factor = "certificates" | "signature" | "basic" | "token" | "body";
interface Pair {
  readonly one: InspectedSender;
  readonly other: InspectedSender;
  /** The path of the first route that has both senders. */
  readonly path: string;
}

/** Checks every pair of senders that share a route, once. */
export function inspectNeighbours(routes: readonly Route[], senders: readonly InspectedSender[]): Finding[] {
  const byName = new Map(senders.map((sender) => [sender.name, sender]));
  const judged = new Set<string>();
  return routes.flatMap(({ path, senders: listed }) => {
    const here = [...new Set(listed)].flatMap(({ name }) => byName.get(name) ?? []);
    return here.flatMap((one, index) =>
      here.slice(index + 1).flatMap((other) => {
        const names = JSON.stringify([one.name, other.name]);
        if (judged.has(names)) return [];
        judged.add(names);
        return inspectPair({ one, other, path });
      }),
    );
  });
}

function inspectPair({ one, other, path }: Pair): Finding[] {
  const downgrades = [...inspectDowngrade(one, other, path), ...inspectDowngrade(other, one, path)];
  return downgrades.length > 0 ? downgrades : inspectNeverChosen({ one, other, path });
}

/**
 * Reports factors that `strong` requires and `weak` does not. A request without such a factor is admitted as `weak`, whichever
 * sender comes first. It is an error if `weak` accepts every certificate that an entry of `strong` accepts. It is a warning if
 * `weak` accepts only some of these certificates, because the operator may intend this exception. This check does not find entries
 * with different members that match the same certificate.
 */
function inspectDowngrade(strong: InspectedSender, weak: InspectedSender, path: string): Finding[] {
  const lacking = factorsOf(strong).filter((factor) => !factorsOf(weak).includes(factor));
  const isKnown = weak.hasWholeTrust && strong.hasWholeTrust;
  if (lacking.length === 0 || !isKnown || !canPassBoth(weak, strong)) return [];
  const remedy = `require it of ${weak.name} as well, change the two so that they accept different certificates, or remove one of them from ${path}`;
  const tell = (severityAt: typeof errorAt, what: string) =>
    lacking.map((factor) => severityAt([...strong.at, factor], `on ${path} ${weak.name} accepts ${what}`, remedy));
  if (!holdsAll(weak.sender, strong.sender)) return tell(warningAt, "some of the same requests without it");
  if (weak.sender.certificate === undefined) return tell(errorAt, "the same requests without it");
  const covered = firstImplied(strong, weak, haveCommonTime);
  if (covered !== undefined) {
    const [entry, wider] = covered;
    return tell(
      errorAt,
      `without it every certificate that ${formatPointer(entry.at)} accepts, because of ${formatPointer(wider.at)}`,
    );
  }
  const exception = firstImplied(weak, strong, haveCommonTime);
  if (exception === undefined) return [];
  return tell(warningAt, `without it the certificates of ${formatPointer(exception[0].at)}`);
}

/** Reports a sender that is never chosen, because an earlier sender requires the same factors and accepts the same requests. */
function inspectNeverChosen({ one, other, path }: Pair): Finding[] {
  const isSameFactors = factorsOf(one).join() === factorsOf(other).join();
  if (!isSameFactors || !one.hasWholeTrust || !other.hasWholeTrust || !acceptsAllFactorsOf(one, other)) return [];
  const problem = `is never chosen on ${path}: ${one.name} comes first and accepts the same requests`;
  const remedy = `list ${other.name} before ${one.name} if it is the special case, or remove what both accept from one of them`;
  if (other.sender.certificate === undefined) {
    const [factor = "signature"] = factorsOf(other);
    return [errorAt([...other.at, factor], problem, remedy)];
  }
  return other.facts.flatMap((entry) => {
    const wider = one.index.impliedBy(entry).find((candidate) => isWindowWithin(entry, candidate));
    return wider === undefined ? [] : [errorAt(entry.at, `${problem} because of ${formatPointer(wider.at)}`, remedy)];
  });
}

function firstImplied(
  narrow: InspectedSender,
  wide: InspectedSender,
  isTogether: (a: EntryConditions, b: EntryConditions) => boolean,
): readonly [EntryConditions, EntryConditions] | undefined {
  for (const entry of narrow.facts) {
    const wider = wide.index.impliedBy(entry).find((candidate) => isTogether(entry, candidate));
    if (wider !== undefined) return [entry, wider];
  }
  return undefined;
}

function factorsOf({ sender }: InspectedSender): Factor[] {
  const factors: Factor[] = [];
  if (sender.certificate !== undefined) factors.push("certificates");
  if (sender.signature !== undefined) factors.push("signature");
  if (sender.basic.length > 0) factors.push("basic");
  if (sender.token !== undefined) factors.push("token");
  if (sender.body.length > 0) factors.push("body");
  return factors;
}

/** Returns true if one request can pass every factor of `weak` and of `strong`. The entries of `certificates` are not compared. */
function canPassBoth({ sender: weak }: InspectedSender, { sender: strong }: InspectedSender): boolean {
  const { certificate, signature, basic, token } = weak;
  const isProvenTwice =
    certificate === undefined ||
    (strong.certificate !== undefined && haveCommonAnchor(certificate.trust, strong.certificate.trust));
  const secrets = new Set(strong.signature && secretsOf(strong.signature));
  const isSignedTwice =
    signature === undefined ||
    (signature.scheme === strong.signature?.scheme && secretsOf(signature).some((secret) => secrets.has(secret)));
  const credentials = strong.basic.map((rule) => JSON.stringify([rule.username, rule.secret]));
  const isNamedTwice =
    basic.length === 0 || basic.some((rule) => credentials.includes(JSON.stringify([rule.username, rule.secret])));
  const isHeldTwice =
    token === undefined ||
    (isSamePlace(token, strong.token) && token.secrets.some((secret) => strong.token?.secrets.includes(secret)));
  return isProvenTwice && isSignedTwice && isNamedTwice && isHeldTwice && !excludesAll(weak, strong);
}

function haveCommonAnchor(a: Trust, b: Trust): boolean {
  if (a.anchors.length === 0 || b.anchors.length === 0) return true;
  return a.anchors.some((anchor) => b.anchors.some((other) => isSameCertificate(anchor, other)));
}

/** Returns true if `one` accepts every certificate path, signature and credential that `other` accepts. */
function acceptsAllFactorsOf({ sender: one }: InspectedSender, { sender: other }: InspectedSender): boolean {
  const isProven =
    one.certificate === undefined || (other.certificate && trustsAll(one.certificate.trust, other.certificate.trust));
  const isSigned = one.signature === undefined || (other.signature && signsAll(one.signature, other.signature));
  const credentials = one.basic.map((rule) => JSON.stringify([rule.username, rule.secret]));
  const isNamed = other.basic.every((rule) => credentials.includes(JSON.stringify([rule.username, rule.secret])));
  const isHeld =
    one.token === undefined ||
    (other.token !== undefined &&
      isSamePlace(one.token, other.token) &&
      other.token.secrets.every((secret) => one.token?.secrets.includes(secret)));
  return isProven === true && isSigned === true && isNamed && isHeld && holdsAll(one, other);
}

function isSamePlace(one: TokenRule, other: TokenRule | undefined): boolean {
  return one.header === other?.header && one.pointer === other?.pointer;
}

function trustsAll(one: Trust, other: Trust): boolean {
  const isAnchored =
    one.anchors.length === 0 ||
    (other.anchors.length > 0 &&
      other.anchors.every((anchor) => one.anchors.some((known) => isSameCertificate(anchor, known))));
  return isAnchored && (!one.platform || other.platform) && one.maxChainDepth >= other.maxChainDepth;
}

/**
 * Returns true if `one` accepts every signature that `other` accepts. A header of the request selects an account and its secrets,
 * so the accounts of `one` and `other` must be equal.
 */
function signsAll(one: SignatureRule, other: SignatureRule): boolean {
  const isSameAccounts = JSON.stringify([...one.accounts]) === JSON.stringify([...other.accounts]);
  return one.scheme === other.scheme && isSameAccounts && other.secrets.every((secret) => one.secrets.includes(secret));
}

/** Returns true if no body satisfies both senders, because their lists at one pointer have no common value. */
function excludesAll({ body: one }: Sender, { body: other }: Sender): boolean {
  return one.some(({ pointer, values }) =>
    other.some((rule) => rule.pointer === pointer && values.isDisjointFrom(rule.values)),
  );
}

/** Returns true if every body that satisfies `other` also satisfies `one`. */
function holdsAll({ body: one }: Sender, { body: other }: Sender): boolean {
  return one.every(({ pointer, values }) =>
    other.some((rule) => rule.pointer === pointer && rule.values.isSubsetOf(values)),
  );
}

function isSameCertificate(a: Trust["anchors"][number], b: Trust["anchors"][number]): boolean {
  return a.certificate.sha256 === b.certificate.sha256;
}

function secretsOf({ secrets, accounts }: SignatureRule): string[] {
  return [...secrets, ...[...accounts.values()].flat()];
}
