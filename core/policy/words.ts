// Has the texts of all problems of a policy, for the programs that print them. The worker prints only codes, because `countersign
// policy check` prints the texts before each build of the worker. cli/policy/check/remedies.ts says what to do about each code.

import { FORM_PROBLEMS, formatWords } from "../configuration-error.ts";
import { MAX_CRL_SOURCE_CHARACTERS, MAX_SIGNATURE_SECRETS } from "../wire.ts";

/** The texts by code. The detail of a problem replaces the `%`. */
export const POLICY_PROBLEMS = {
  ...FORM_PROBLEMS,
  malformed_name: "a name is letters, digits, '.', '_' or '-', at most 64",
  unknown_anchor: "no anchor is called %",
  unknown_sender: "no sender is called %",
  listed_twice: "% is listed twice",

  not_one_certificate: "not exactly one certificate in PEM",
  malformed_certificate: "%",
  not_ca: "% is not a CA certificate",
  may_not_sign: "% may not sign certificates",
  no_subject: "a CA certificate without a subject can anchor nothing",
  weak_key: "the key of % is weak or of an unsupported kind",
  unmatchable_key: "no signature can match the key of %",
  malformed_source: "an http:// or https:// URL without user, password and fragment, or the path of a file",
  long_source: `at most ${MAX_CRL_SOURCE_CHARACTERS} characters`,
  source_is_file: "there are no files on the edge",

  no_factor: "must require a certificate (certificates and trust), a signature or a token",
  no_trust: "must hold anchors, or platform: true, or both",
  no_matcher: 'must hold at least one matcher, or % must have "mode": "observe" to learn it',
  issuer_alone: "must hold subject, san, sha256 or spkiSha256",
  malformed_digest: "64 hex digits, with or without colons",
  malformed_instant: "YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ",
  no_date: "% is no date",
  no_window: "from is not before until",
  unknown_attribute: "% is no attribute type that is known",
  malformed_dn: "no RFC 4514 text in %",
  malformed_ip: "san.ip is no IP address: %",

  malformed_secret: "the name of a secret: capital letters, digits and '_', at most 64",
  reserved_secret: "is a binding of the edge's own",
  many_secrets: `at most ${MAX_SIGNATURE_SECRETS} secrets`,
  secret_twice: "names a secret twice",
  retired_secret: "a secret is retired and accepted at once",
  unknown_accounts: "only docusign names accounts",
  no_secrets: "must hold secrets, or accounts",
  handshake_secret: "meta, zoom, x, ebay and acrobat-sign need a secret, the other handshakes have none",
  handshake_end: "asana needs until, the other handshakes have none",
  handshake_unsigned: "this sender signs its challenges, but has no signature of that scheme here",
  handshake_signs: "% also signs events, and this handshake signs with it what anybody asks for",
  token_place: "must hold a header or a pointer, and not both",
  malformed_username: "a user name holds no colon and no control character (RFC 7617)",
  malformed_pointer: "a JSON pointer (RFC 6901)",
  malformed_header: "letters, digits and '-', at most 64",
  not_forwarded: "% is never forwarded",
  taken_header: "% holds something else",

  malformed_path: "an absolute path, exact or ending in /*",
  star_within: "a * may only end a path, after a /",
  path_taken: "the edge publishes its keys there",
  host_spelling: "write the host as requests have it: %",
  path_spelling: "write it as requests have it: %",
  path_refused: "a request with this path is refused, because of %",
  malformed_method: "an upper-case HTTP method",
  queued_answer: "the edge answers an event of its queue with 202, and nothing else can answer it",
  queued_order: "the edge's queue keeps no order, and % has an orderKey",

  malformed_serial: "hex digits, with or without colons",
} as const satisfies Readonly<Record<string, string>>;

export type PolicyProblemCode = keyof typeof POLICY_PROBLEMS;

/** A problem without its place. */
export interface ProblemCode {
  readonly code: PolicyProblemCode;
  /** The text that replaces the `%` in the text of the code. It contains no value of a secret. */
  readonly detail?: string | undefined;
}

/** Returns the text of a problem, without its place. */
export function wordsOf({ code, detail }: ProblemCode): string {
  return formatWords(POLICY_PROBLEMS[code], detail);
}
