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

/**
 * The refusals that an edge can make, and those that an `accept` function throws. The key is the code in the log line. The row has
 * the problem in the answer to the sender, and the explanation for the operator.
 */
const SHARED_REFUSALS = {
  plain_http: ["https-required", "the request came over plain HTTP"],
  unknown_host: ["unknown-host", "the host is not in HOSTS"],
  unknown_route: ["not-found", "the path matches no route of the policy"],
  method_not_allowed: ["method-not-allowed", "the route does not list this method"],
  challenge_unexpected: ["method-not-allowed", "no sender of the route has this handshake"],
  malformed_target: ["malformed-request", "a URL parser would rewrite the target"],
  malformed_host: ["malformed-request", "Host is missing, repeated, or not a host in its usual spelling"],
  malformed_headers: ["malformed-request", "Content-Type is not ASCII, or the headers to forward exceed 16 KiB"],
  body_too_large: ["body-too-large", "the body exceeds maxBodyBytes of the route"],
  body_in_pieces: ["malformed-request", "the body comes in too many tiny chunks"],
  bodies_full: ["unavailable", "unfinished bodies of unproven senders are too large together"],
  body_incomplete: ["malformed-request", "the connection broke before the body was complete"],

  no_client_auth: ["no-client-certificate", "the platform reports no client certificates"],
  no_certificate: ["no-client-certificate", "no client certificate was presented"],
  certificate_too_large: ["certificate-not-proven", "the certificate or its chain is over 10 KiB or 16 KiB encoded"],
  certificate_malformed: ["certificate-not-proven", "a certificate is not X.509 v3 in DER, or breaks RFC 5280"],
  certificate_inconsistent: ["certificate-not-proven", "the platform's fingerprint is of another certificate"],
  certificate_not_yet_valid: ["certificate-not-proven", "the certificate's validity has not begun"],
  certificate_expired: ["certificate-not-proven", "the certificate has expired"],
  certificate_is_ca: [
    "certificate-not-proven",
    "the client certificate is a CA certificate, and no entry pins it by a digest alone",
  ],
  wrong_key_usage: [
    "certificate-not-proven",
    "the key usage lacks digitalSignature (of a client) or keyCertSign (of a CA)",
  ],
  wrong_extended_key_usage: ["certificate-not-proven", "the extended key usage does not hold clientAuth"],
  unknown_critical_extension: ["certificate-not-proven", "a critical extension is not understood"],
  algorithm_not_accepted: ["certificate-not-proven", "a key or signature algorithm is weak or not supported"],
  platform_not_verified: ["certificate-not-proven", "the sender's trust requires the platform's verdict SUCCESS"],
  platform_disagrees: ["certificate-not-proven", "the platform reports a fault other than an unknown issuer"],
  platform_revoked: ["certificate-not-proven", "the platform says that the certificate is revoked"],
  certificate_revoked: ["certificate-not-proven", "a revocation list holds a certificate of the path"],
  revocation_unknown: ["unavailable", "the policy requires a current revocation list, and there is none: see list"],
  issuer_unknown: ["certificate-not-proven", "there is no path to an anchor of the policy"],
  too_many_intermediates: ["certificate-not-proven", "more intermediates were sent than a path may need"],
  chain_too_deep: ["certificate-not-proven", "the path holds more CA certificates than maxChainDepth"],
  signature_invalid: ["certificate-not-proven", "a certificate names an issuer whose key did not sign it"],
  issuer_not_ca: ["certificate-not-proven", "an issuer on the path is not a CA certificate"],
  path_length_exceeded: ["certificate-not-proven", "an issuer's path length constraint is exceeded"],
  issuer_not_in_date: ["certificate-not-proven", "an intermediate or the anchor is expired or not yet valid"],
  name_not_permitted: [
    "certificate-not-proven",
    "a name constraint of an issuer excludes the certificate's name, or is not understood",
  ],

  certificate_denied: ["sender-not-allowed", "the deny list names this certificate or one of its issuers"],
  sender_not_allowed: ["sender-not-allowed", "the certificate is proven, but no sender of this route matches it"],

  signature_missing: ["signature-not-verified", "a header of the sender's signature is missing: see header"],
  signature_malformed: ["signature-not-verified", "a signature header is not in the form of the scheme: see cause"],
  signature_stale: ["signature-not-verified", "the signed time differs from ours by over five minutes"],
  signature_key_unknown: [
    "signature-not-verified",
    "no key is configured for this account, or for this kind of signature",
  ],
  signature_mismatch: ["signature-not-verified", "no configured key made a signature over this body"],
  basic_missing: ["credentials-required", "there is no Authorization header"],
  basic_malformed: ["credentials-required", "Authorization is not exactly one Basic credential"],
  basic_mismatch: ["credentials-required", "no configured pair of user name and password was sent"],
  token_missing: ["credentials-required", "the header of the sender's token is missing: see header"],
  token_malformed: ["credentials-required", "the header is not exactly one token: see header"],
  token_mismatch: ["credentials-required", "no configured token was sent: see header"],

  challenge_malformed: ["challenge-refused", "a value is missing, repeated, or not plain ASCII"],
  challenge_too_long: ["challenge-refused", "a value has over 512 characters"],
  challenge_is_event: ["challenge-refused", "the text to sign could be that of an event"],
  challenge_token_mismatch: ["challenge-refused", "the token is not the secret of the handshake"],

  content_not_json: ["sender-not-allowed", "the policy matches values in JSON, and Content-Type is not JSON in UTF-8"],
  content_encoded: ["sender-not-allowed", "the policy matches values in JSON, and the body has a Content-Encoding"],
  json_too_large: ["sender-not-allowed", "the JSON is larger than 1 MiB"],
  json_not_utf8: ["sender-not-allowed", "the JSON is not UTF-8"],
  json_with_bom: ["sender-not-allowed", "the JSON begins with a byte order mark"],
  json_malformed: ["sender-not-allowed", "the body is not JSON"],
  json_repeated_name: ["sender-not-allowed", "an object of the JSON has two members of one name"],
  json_lone_surrogate: ["sender-not-allowed", "a string of the JSON has a surrogate that is alone"],
  json_too_deep: ["sender-not-allowed", "the JSON is nested deeper than 64"],
  json_too_many_matches: ["sender-not-allowed", "the pointer matches more than 10,000 values"],
  json_value_missing: ["sender-not-allowed", "the pointer leads to no value, in one element or in all"],
  json_not_text: ["sender-not-allowed", "the pointer leads to a value that is no string"],
  json_value_not_listed: ["sender-not-allowed", "the value at the pointer is not in the sender's list"],

  body_mismatch: ["assertion-refused", "the body is not the one that was signed"],
  replayed: ["replayed", "this assertion was accepted before"],
  store_unavailable: ["unavailable", "the event could not be stored"],

  queue_unavailable: ["unavailable", "the queue did not accept the event, or the bucket did not accept its body"],
  origin_refused: ["bad-gateway", "the origin refused the edge's request"],
  origin_unreachable: ["unavailable", "the origin could not be reached"],
  origin_timeout: ["gateway-timeout", "the origin did not answer within the deadline"],
  origin_unavailable: ["unavailable", "the origin has no verification keys yet, or cannot store events"],
  origin_malformed: ["bad-gateway", "the origin's answer breaks off or has a status that cannot be passed on"],
  origin_redirected: ["bad-gateway", "the origin answered with a redirect, which is never followed"],
  misconfigured: ["internal-error", "the configuration is incomplete: see problems"],
  internal_error: ["internal-error", "an unexpected error"],
} as const satisfies Record<string, Row>;

/** The refusals that only an origin makes. They are a table of their own, so that the edge's bundle does not contain them. */
const ORIGIN_REFUSALS = {
  route_mismatch: ["not-found", "the guard is on another path than the policy's route: see guard and policy"],
  certificate_elsewhere: [
    "no-client-certificate",
    "the proxy sent a certificate in another field than this origin reads",
  ],
  listener_disagrees: ["certificate-not-proven", "our path validation accepts what OpenSSL refused in the handshake"],
  assertion_missing: [
    "assertion-refused",
    "there is no Countersign-Assertion: the request did not come through the edge",
  ],
  assertion_malformed: [
    "assertion-refused",
    "the assertion is repeated or not canonical, or its header is not exactly alg, kid and typ",
  ],
  assertion_key_unknown: ["assertion-refused", "no published key has this kid"],
  assertion_signature_invalid: ["assertion-refused", "the signature does not verify under the key that kid names"],
  assertion_claims_invalid: ["assertion-refused", "a claim is missing, malformed or unknown"],
  assertion_wrong_issuer: ["assertion-refused", "iss is not the edge that this origin trusts"],
  assertion_wrong_audience: ["assertion-refused", "aud is not this origin"],
  assertion_expired: ["assertion-refused", "the assertion has expired"],
  assertion_not_yet_valid: ["assertion-refused", "the assertion was issued in the future"],
  request_mismatch: ["assertion-refused", "the method, target or content type differs from the signed request"],
  headers_mismatch: ["assertion-refused", "a forwarded header is missing, changed or not signed"],
  certificate_mismatch: ["assertion-refused", "Client-Cert is missing or is not the certificate that was signed"],
  sender_mismatch: ["sender-not-allowed", "this origin's policy admits another sender than the edge did"],
  factor_missing: ["assertion-refused", "the edge did not check a factor that this origin requires"],
  keys_unavailable: ["unavailable", "no verification key could be loaded yet"],
} as const satisfies Record<string, Row>;

export type SharedRefusalCode = keyof typeof SHARED_REFUSALS;

/** The code of the reason for a refusal, as in the log line. */
export type RefusalCode = SharedRefusalCode | keyof typeof ORIGIN_REFUSALS;

/** Every refusal. The call is marked as pure, so that the bundler leaves the whole table out of the edge's bundle. */
export const REFUSALS: typeof SHARED_REFUSALS & typeof ORIGIN_REFUSALS = /* @__PURE__ */ Object.assign(
  {},
  SHARED_REFUSALS,
  ORIGIN_REFUSALS,
);

/**
 * Facts for the operator's log line. They are strings, numbers, or lists of strings or numbers. They never contain a secret, and
 * are never sent to the sender.
 */
export type RefusalDetails = Readonly<Record<string, unknown>>;

/**
 * The error that refuses a request. The code that decides throws it, and each program catches it in one place. An `accept` function
 * that you write throws it too: with the code `replayed` for an id that was recorded before, and with `store_unavailable` if
 * nothing could be recorded.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly details: RefusalDetails;
  readonly problem: Problem;

  constructor(code: SharedRefusalCode, details?: RefusalDetails);
  /** @internal */
  constructor(code: RefusalCode, details: RefusalDetails, row: Row);
  constructor(code: RefusalCode, details = {}, [problem, why]: Row = SHARED_REFUSALS[code as SharedRefusalCode]) {
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

/** A refusal at an origin. Its code can be any code of the table. */
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
