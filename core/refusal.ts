// Lists every refusal of Countersign. Each code has a problem, which the sender sees, and an explanation, which only the operator
// sees. The problem is coarse on purpose and says nothing about a certificate or the policy, so that a sender cannot use it to find
// out what is accepted.

/** The problems that an answer to a sender can have (RFC 9457), by type. Each has an HTTP status and a title. */
export const PROBLEMS = {
  "https-required": { status: 403, title: "This endpoint is served over HTTPS only" },
  "unknown-host": { status: 421, title: "This host is not served here" },
  "not-found": { status: 404, title: "No webhook is received at this path" },
  "method-not-allowed": { status: 405, title: "This method is not accepted here" },
  "malformed-request": { status: 400, title: "The request is malformed" },
  "body-too-large": { status: 413, title: "The body is larger than this endpoint accepts" },
  "no-client-certificate": { status: 403, title: "A client certificate is required" },
  "certificate-not-proven": { status: 403, title: "The client certificate could not be proven" },
  "sender-not-allowed": { status: 403, title: "This sender is not allowed here" },
  "signature-not-verified": { status: 401, title: "The signature of the event could not be verified" },
  "credentials-required": { status: 401, title: "Credentials are required" },
  "challenge-refused": { status: 403, title: "This challenge is not answered" },
  "assertion-refused": { status: 401, title: "The request does not come from our edge" },
  replayed: { status: 409, title: "This request was already received" },
  unavailable: { status: 503, title: "Temporarily unable to accept events" },
  "bad-gateway": { status: 502, title: "The receiver could not take the event" },
  "gateway-timeout": { status: 504, title: "The receiver did not answer in time" },
  "internal-error": { status: 500, title: "The event could not be handled" },
} as const;

export type Problem = keyof typeof PROBLEMS;

type Row = readonly [Problem, string];
/** By problem: each code of the log line, with its explanation for the operator. */
type Groups = Readonly<Partial<Record<Problem, Readonly<Record<string, string>>>>>;
type CodeOf<G extends Groups> = { [P in keyof G]: keyof G[P] }[keyof G] & string;

/** The refusals that an edge can make, and those that the option `accept` of an origin (a function of the user) may throw. */
const SHARED_GROUPS = {
  "https-required": {
    plain_http: "the request came over plain HTTP",
  },
  "unknown-host": {
    unknown_host: "the host is not in HOSTS",
  },
  "not-found": {
    unknown_route: "the path matches no route of the policy",
  },
  "method-not-allowed": {
    method_not_allowed: "the route does not list this method",
    challenge_unexpected: "no sender of the route has this handshake",
  },
  "malformed-request": {
    malformed_target: "a URL parser would rewrite the target",
    malformed_host: "Host is missing, repeated, or not a host in its usual spelling",
    malformed_headers: "Content-Type is not ASCII, or the headers to forward exceed 16 KiB",
    body_in_pieces: "the body comes in too many tiny chunks",
    body_incomplete: "the connection broke within the body",
  },
  "body-too-large": {
    body_too_large: "the body exceeds maxBodyBytes of the route",
  },
  unavailable: {
    bodies_full: "the bodies of unproven senders are too large together",
    revocation_unknown: "the policy requires a current revocation list: see list",
    store_unavailable: "the event could not be stored",
    queue_unavailable: "the queue did not accept the event, or the bucket its body",
    origin_unreachable: "the origin could not be reached",
    origin_unavailable: "the origin has no keys yet, or cannot store events",
  },
  "no-client-certificate": {
    no_client_auth: "the platform reports no client certificates",
    no_certificate: "no client certificate was presented",
  },
  "certificate-not-proven": {
    certificate_too_large: "the certificate or its chain is over 10 KiB or 16 KiB encoded",
    certificate_malformed: "a certificate is not X.509 v3 in DER, or breaks RFC 5280",
    certificate_inconsistent: "the platform's fingerprint is of another certificate",
    certificate_not_yet_valid: "the certificate's validity has not begun",
    certificate_expired: "the certificate has expired",
    certificate_is_ca: "a CA certificate, which no entry pins by a digest alone",
    wrong_key_usage: "the key usage lacks digitalSignature (client) or keyCertSign (CA)",
    wrong_extended_key_usage: "the extended key usage lacks clientAuth",
    unknown_critical_extension: "a critical extension is not understood",
    algorithm_not_accepted: "a key or signature algorithm is weak or not supported",
    platform_not_verified: "the sender's trust requires the platform's verdict SUCCESS",
    platform_disagrees: "the platform reports another fault than an unknown issuer",
    platform_revoked: "the platform says that the certificate is revoked",
    certificate_revoked: "a revocation list holds a certificate of the path",
    issuer_unknown: "there is no path to an anchor of the policy",
    too_many_intermediates: "more intermediates came than a path may need",
    chain_too_deep: "the path holds more CA certificates than maxChainDepth",
    signature_invalid: "a certificate names an issuer whose key did not sign it",
    issuer_not_ca: "an issuer on the path is not a CA certificate",
    path_length_exceeded: "an issuer's path length constraint is exceeded",
    issuer_not_in_date: "an intermediate or the anchor is expired or not yet valid",
    name_not_permitted: "an issuer's name constraint excludes the name, or is not understood",
  },
  "sender-not-allowed": {
    certificate_denied: "the deny list names this certificate or one of its issuers",
    sender_not_allowed: "the certificate is proven, but no sender of this route matches it",
    content_not_json: "the policy matches JSON, and Content-Type is not JSON in UTF-8",
    content_encoded: "the policy matches JSON, and the body has a Content-Encoding",
    json_too_large: "the JSON is larger than 1 MiB",
    json_not_utf8: "the JSON is not UTF-8",
    json_with_bom: "the JSON begins with a byte order mark",
    json_malformed: "the body is not JSON",
    json_repeated_name: "an object of the JSON repeats a name",
    json_lone_surrogate: "a string of the JSON has a lone surrogate",
    json_too_deep: "the JSON is nested deeper than 64",
    json_too_many_matches: "the pointer matches more than 10,000 values",
    json_value_missing: "the pointer leads to no value, in one element or in all",
    json_not_text: "the pointer leads to a value that is no string",
    json_value_not_listed: "the value at the pointer is not in the sender's list",
  },
  "signature-not-verified": {
    signature_missing: "a header of the signature is missing",
    signature_malformed: "a signature header is not in the form of the scheme: see cause",
    signature_stale: "the signed time differs from ours by over five minutes",
    signature_key_unknown: "no key is configured for this account or kind of signature",
    signature_mismatch: "no configured key made a signature over this body",
  },
  "credentials-required": {
    basic_missing: "there is no Authorization header",
    basic_malformed: "Authorization is not exactly one Basic credential",
    basic_mismatch: "no configured pair of user name and password was sent",
    token_missing: "the header of the token is missing",
    token_malformed: "the header is not exactly one token",
    token_mismatch: "no configured token was sent",
  },
  "challenge-refused": {
    challenge_malformed: "a value is missing, repeated, or not plain ASCII",
    challenge_too_long: "a value has over 512 characters",
    challenge_is_event: "the text to sign could be that of an event",
    challenge_closed: "the handshake's `until` is past",
    challenge_token_mismatch: "the token is not the secret of the handshake",
  },
  "assertion-refused": {
    body_mismatch: "the body is not the one that was signed",
  },
  replayed: {
    replayed: "this assertion was accepted before",
  },
  "bad-gateway": {
    origin_refused: "the origin refused the edge's request",
    origin_malformed: "the origin's answer breaks off, or its status cannot be passed on",
    origin_redirected: "the origin redirects, which is not followed",
  },
  "gateway-timeout": {
    origin_timeout: "the origin did not answer within the deadline",
  },
  "internal-error": {
    misconfigured: "the configuration is incomplete: see problems",
    internal_error: "an unexpected error",
  },
} as const satisfies Groups;

/** The refusals that only an origin makes. They are a table of their own, so that the edge's bundle does not contain them. */
const ORIGIN_GROUPS = {
  "not-found": {
    route_mismatch: "the guard is on another path than the policy's route: see guard and policy",
  },
  "no-client-certificate": {
    certificate_elsewhere: "the proxy sent a certificate in another field than this origin reads",
  },
  "certificate-not-proven": {
    listener_disagrees: "our path validation accepts what OpenSSL refused in the handshake",
  },
  "assertion-refused": {
    assertion_missing: "there is no Countersign-Assertion: the request did not come through the edge",
    assertion_malformed: "the assertion is repeated or not canonical, or its header is not exactly alg, kid and typ",
    assertion_key_unknown: "no published key has this kid",
    assertion_signature_invalid: "the signature does not verify under the key that kid names",
    assertion_claims_invalid: "a claim is missing, malformed or unknown",
    assertion_wrong_issuer: "iss is not the edge that this origin trusts",
    assertion_wrong_audience: "aud is not this origin",
    assertion_expired: "the assertion has expired",
    assertion_not_yet_valid: "the assertion was issued in the future",
    request_mismatch: "the method, target or content type differs from the signed request",
    headers_mismatch: "a forwarded header is missing, changed or not signed",
    certificate_mismatch: "Client-Cert is missing or is not the certificate that was signed",
    factor_missing: "the edge did not check a factor that this origin requires",
  },
  "sender-not-allowed": {
    sender_mismatch: "this origin's policy admits another sender than the edge did",
  },
  unavailable: {
    keys_unavailable: "no verification key could be loaded yet",
  },
} as const satisfies Groups;

export type SharedRefusalCode = CodeOf<typeof SHARED_GROUPS>;

/** The code of the reason for a refusal, as in the log line. */
export type RefusalCode = SharedRefusalCode | CodeOf<typeof ORIGIN_GROUPS>;

function rowsOf(...tables: readonly Groups[]): Record<string, Row> {
  const rows: Record<string, Row> = {};
  for (const [problem, codes] of tables.flatMap((table) => Object.entries(table)))
    for (const [code, why] of Object.entries(codes)) rows[code] = [problem as Problem, why];
  return rows;
}

const SHARED_REFUSALS = rowsOf(SHARED_GROUPS);

/**
 * Every refusal, by its code. The call is marked as pure, so that the bundler leaves the refusals of an origin out of the edge's
 * bundle.
 */
export const REFUSALS = /* @__PURE__ */ rowsOf(SHARED_GROUPS, ORIGIN_GROUPS) as Readonly<Record<RefusalCode, Row>>;

/**
 * Facts for the operator's log line. They are strings, numbers, or lists of strings or numbers. They never contain a secret, and
 * are never sent to the sender.
 */
export type RefusalDetails = Readonly<Record<string, unknown>>;

/**
 * The error that refuses a request. The functions that judge a request throw it, and each program catches it in one place. An
 * `accept` function that you write throws it too: with the code `replayed` for an id that was recorded before, and with
 * `store_unavailable` if nothing could be recorded.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly details: RefusalDetails;
  readonly problem: Problem;

  constructor(code: SharedRefusalCode, details?: RefusalDetails);
  /** @internal */
  constructor(code: RefusalCode, details: RefusalDetails, row: Row);
  constructor(code: RefusalCode, details = {}, [problem, why]: Row = SHARED_REFUSALS[code] as Row) {
    super(why);
    this.name = "Refusal";
    this.code = code;
    this.details = details;
    this.problem = problem;
  }

  get status(): number {
    return PROBLEMS[this.problem].status;
  }
}

/** A refusal at an origin. Its code can be any code of `REFUSALS`. */
export class OriginRefusal extends Refusal {
  constructor(code: RefusalCode, details: RefusalDetails = {}) {
    super(code, details, REFUSALS[code]);
  }
}

/**
 * Returns the error itself if it is a Refusal. Otherwise returns a Refusal with the code `internal_error`, and with the error's
 * stack for the log.
 */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  return new Refusal("internal_error", {
    cause: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
}

/** Returns the result of `find`, or the Refusal that it throws. Does not catch other errors. */
export function resultOf<T>(find: () => T): T | Refusal {
  try {
    return find();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
}

/** Returns the Refusal that `check` throws, or undefined if it throws none. */
export function refusalOf(check: () => unknown): Refusal | undefined {
  const result = resultOf(check);
  return result instanceof Refusal ? result : undefined;
}
