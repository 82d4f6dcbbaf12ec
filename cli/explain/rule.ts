// Finds the place in the policy that decided a verdict. The result is a JSON pointer to the rule, and the fields to which the rule
// applies.

import { formatPointer } from "../../core/configuration-error.ts";
import { compilePolicy } from "../../core/policy/compile.ts";
import type { Policy, Route } from "../../core/policy/policy.ts";
import type { PolicyDocument } from "../../core/policy/schema.ts";
import type { RefusalCode } from "../../core/refusal.ts";
import type { Certificate } from "../../core/x509/certificate.ts";
import type { SenderExplanation } from "../../origin/explain/senders.ts";

export interface DecidedBy {
  /** A JSON pointer to the rule. Null if no rule of the policy decided, for example because the certificate is expired. */
  readonly rule: string | null;
  /** The fields of the certificate or of the request to which the rule applies. */
  readonly fields: readonly string[];
}

/**
 * The members of a sender, a route or an anchor that cause a refusal, and the fields of the request to which these members apply.
 */
type Place = readonly [
  of: "sender" | "route" | "anchor" | "nothing",
  members: readonly string[],
  fields: readonly string[],
];

const REQUIRED = (field: string): Place => ["nothing", [], [field]];
const TRUST = (member: string, field: string): Place => ["sender", ["trust", member], [field]];
const SIGNATURE: Place = ["sender", ["signature"], ["signature"]];
const HANDSHAKE: Place = ["sender", ["handshake"], ["challenge"]];
const BASIC: Place = ["sender", ["basic"], ["Authorization"]];
const BODY: Place = ["sender", ["body"], ["body"]];
const TOKEN: Place = ["sender", ["token"], ["token"]];

/**
 * The place of three groups of refusals: those that no rule decides, those for which ruleOfRefusal() returns before it reads
 * `PLACES`, and those that no question to `explain` can cause.
 */
const NOWHERE: Place = REQUIRED("");

const PLACES: Readonly<Record<RefusalCode, Place>> = {
  method_not_allowed: ["route", ["methods"], ["method"]],
  challenge_unexpected: ["route", ["methods"], ["method"]],
  challenge_malformed: HANDSHAKE,
  challenge_too_long: HANDSHAKE,
  challenge_is_event: HANDSHAKE,
  challenge_closed: ["sender", ["handshake", "until"], ["time"]],
  challenge_token_mismatch: HANDSHAKE,
  body_too_large: ["route", ["maxBodyBytes"], ["body"]],
  malformed_target: REQUIRED("target"),
  malformed_host: REQUIRED("host"),
  no_certificate: ["sender", ["certificates"], ["certificate"]],
  certificate_elsewhere: REQUIRED("the proxy's field"),
  no_client_auth: ["sender", ["certificates"], ["certificate"]],
  certificate_too_large: REQUIRED("size"),
  certificate_malformed: REQUIRED("encoding"),
  too_many_intermediates: REQUIRED("intermediates"),
  certificate_not_yet_valid: REQUIRED("notBefore"),
  certificate_expired: REQUIRED("notAfter"),
  certificate_is_ca: ["sender", ["certificates"], ["basicConstraints"]],
  wrong_key_usage: REQUIRED("keyUsage"),
  wrong_extended_key_usage: REQUIRED("extendedKeyUsage"),
  unknown_critical_extension: REQUIRED("extensions"),
  algorithm_not_accepted: REQUIRED("key, signatureAlgorithm"),
  platform_not_verified: TRUST("platform", "Cloudflare's verdict"),
  platform_disagrees: REQUIRED("Cloudflare's verdict"),
  issuer_unknown: TRUST("anchors", "issuer"),
  chain_too_deep: TRUST("maxChainDepth", "chain"),
  signature_invalid: TRUST("anchors", "signature of the certificate"),
  issuer_not_ca: TRUST("anchors", "basicConstraints of an issuer"),
  path_length_exceeded: TRUST("anchors", "pathLenConstraint of an issuer"),
  issuer_not_in_date: TRUST("anchors", "validity of an issuer"),
  name_not_permitted: TRUST("anchors", "name constraints of an issuer"),
  certificate_revoked: ["anchor", ["crls"], ["serial"]],
  revocation_unknown: ["anchor", ["crls"], ["revocation list"]],
  signature_missing: SIGNATURE,
  signature_malformed: SIGNATURE,
  signature_stale: SIGNATURE,
  signature_key_unknown: SIGNATURE,
  signature_mismatch: SIGNATURE,
  basic_missing: BASIC,
  basic_malformed: BASIC,
  basic_mismatch: BASIC,
  token_missing: TOKEN,
  token_malformed: TOKEN,
  token_mismatch: TOKEN,
  content_not_json: BODY,
  content_encoded: BODY,
  json_too_large: BODY,
  json_not_utf8: BODY,
  json_with_bom: BODY,
  json_malformed: BODY,
  json_repeated_name: BODY,
  json_lone_surrogate: BODY,
  json_too_deep: BODY,
  json_too_many_matches: BODY,
  json_value_missing: BODY,
  json_not_text: BODY,
  json_value_not_listed: BODY,
  plain_http: NOWHERE,
  unknown_host: NOWHERE,
  unknown_route: NOWHERE,
  malformed_headers: NOWHERE,
  body_in_pieces: NOWHERE,
  bodies_full: NOWHERE,
  body_incomplete: NOWHERE,
  certificate_inconsistent: NOWHERE,
  platform_revoked: NOWHERE,
  certificate_denied: NOWHERE,
  sender_not_allowed: NOWHERE,
  body_mismatch: NOWHERE,
  replayed: NOWHERE,
  store_unavailable: NOWHERE,
  queue_unavailable: NOWHERE,
  origin_refused: NOWHERE,
  origin_unreachable: NOWHERE,
  origin_timeout: NOWHERE,
  origin_unavailable: NOWHERE,
  origin_malformed: NOWHERE,
  origin_redirected: NOWHERE,
  misconfigured: NOWHERE,
  internal_error: NOWHERE,
  route_mismatch: NOWHERE,
  listener_disagrees: NOWHERE,
  assertion_missing: NOWHERE,
  assertion_malformed: NOWHERE,
  assertion_key_unknown: NOWHERE,
  assertion_signature_invalid: NOWHERE,
  assertion_claims_invalid: NOWHERE,
  assertion_wrong_issuer: NOWHERE,
  assertion_wrong_audience: NOWHERE,
  assertion_expired: NOWHERE,
  assertion_not_yet_valid: NOWHERE,
  request_mismatch: NOWHERE,
  headers_mismatch: NOWHERE,
  certificate_mismatch: NOWHERE,
  sender_mismatch: NOWHERE,
  factor_missing: NOWHERE,
  keys_unavailable: NOWHERE,
};

/** Returns the rule that caused a refusal. `senders` are the senders of the route, in the route's order. */
export function ruleOfRefusal(
  { code, details }: { readonly code: RefusalCode; readonly details: Readonly<Record<string, unknown>> },
  route: Route | undefined,
  senders: readonly SenderExplanation[],
  denied: readonly string[],
): DecidedBy {
  if (code === "unknown_route") return { rule: "/routes", fields: ["path"] };
  if (code === "certificate_denied") return { rule: denied[0] ?? "/deny", fields: ["serial, sha256 or key"] };
  if (code === "sender_not_allowed") return nearestEntry(details["nearMiss"], senders);
  const sender = senders.find((facts) => facts.code === code) ?? senders[0];
  const isOfToken = PLACES[code] === BODY && sender?.token?.verdict === "refused";
  const [of, members, fields] = isOfToken ? TOKEN : PLACES[code];
  if (of === "route")
    return { rule: route === undefined ? null : formatPointer(["routes", route.path, ...members]), fields };
  if (of === "anchor") return { rule: anchorRule(sender, members), fields };
  if (of === "nothing" || sender === undefined) return { rule: null, fields: fields.filter((field) => field !== "") };
  return { rule: formatPointer(["senders", sender.sender, ...members]), fields };
}

/**
 * Returns the pointer to a member of the anchor, or to the anchor itself if it has no revocation lists. A path to an anchor without
 * lists can be refused too, because a certificate that is revoked in the list of one anchor is refused under all anchors.
 */
function anchorRule(sender: SenderExplanation | undefined, members: readonly string[]): string | null {
  const certificates = sender?.certificate?.trust?.path?.certificates ?? [];
  const anchor = certificates.at(-1)?.anchor ?? null;
  const isAsked = certificates.some(({ crl }) => typeof crl?.freshness === "string");
  return anchor === null ? null : formatPointer(["anchors", anchor, ...(isAsked ? members : [])]);
}

/**
 * Returns the policy entry that the log line names as the nearest to the certificate. If the log line names no entry, returns the
 * list of entries of the first sender.
 */
function nearestEntry(nearMiss: unknown, senders: readonly SenderExplanation[]): DecidedBy {
  const nearest = nearMiss as { sender: string; entry: number; failed: readonly string[] } | undefined;
  if (nearest === undefined)
    return { rule: senders[0] === undefined ? null : `${senders[0].rule}/certificates`, fields: [] };
  const { sender, entry, failed } = nearest;
  return { rule: formatPointer(["senders", sender, "certificates", entry]), fields: failed };
}

/** Returns the rule by which a sender was admitted: the matching entry or, without a certificate, the signature or the token. */
export function ruleOfAcceptance(sender: SenderExplanation | undefined): DecidedBy {
  const entry = sender?.certificate?.entries.find(({ matches }) => matches);
  if (entry !== undefined) return { rule: entry.rule, fields: entry.members.map(({ member }) => member) };
  const factor = sender?.signature === null && sender.token !== null ? "token" : "signature";
  return { rule: sender === undefined ? null : `${sender.rule}/${factor}`, fields: [factor] };
}

/**
 * Returns pointers to the deny entries that deny this certificate. To test one entry, compiles a policy that denies nothing else.
 */
export function denyRulesOf(certificate: Certificate, { anchors, deny }: PolicyDocument, policy: Policy): string[] {
  if (!policy.deny.holds(certificate)) return [];
  return (deny ?? []).flatMap((entry, index) => {
    const alone = compilePolicy({ ...SMALLEST, anchors, deny: [entry] });
    return alone.deny.holds(certificate) ? [formatPointer(["deny", index])] : [];
  });
}

const SMALLEST: PolicyDocument = {
  anchors: {},
  senders: { any: { signature: { scheme: "github", secrets: ["ANY"] } } },
  routes: { "/": { senders: ["any"], methods: ["POST"] } },
};

const NEAREST_ROUTES = 3;

/** Returns the routes that are most similar to this path, by edit distance. */
export function nearestRoutes(path: string, { routes }: Policy): string[] {
  return routes
    .map((route) => ({ path: route.path, distance: editDistance(path, route.path) }))
    .toSorted((a, b) => a.distance - b.distance)
    .slice(0, NEAREST_ROUTES)
    .map((route) => route.path);
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, character] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries()) {
      const replaced = (row[j] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(replaced, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
