// Has the names and numbers on which edge and origin must agree, and all other limits, each with its reason. There are only
// constants here, no code that decides.

/** The header that contains the assertion, which is one JWS in compact form (RFC 7515). */
export const ASSERTION_HEADER = "countersign-assertion";
/** The headers with the leaf certificate and its intermediates (RFC 9440). */
export const CLIENT_CERT_HEADER = "client-cert";
export const CLIENT_CERT_CHAIN_HEADER = "client-cert-chain";
/** The header with the SHA-256 of the body as sent (RFC 9530). */
export const CONTENT_DIGEST_HEADER = "content-digest";

/**
 * The `typ` of the assertion. It is explicit, so that another kind of JWT that the same key signed is rejected (RFC 8725 §3.11).
 */
export const ASSERTION_TYPE = "countersign+jwt";
/** The only accepted algorithm of assertions. The `alg` of a token never selects another algorithm (RFC 8725 §3.1). */
export const ASSERTION_ALGORITHM = "ES256";
export const JWKS_PATH = "/.well-known/jwks.json";

/**
 * The lifetime of an assertion. A request takes much less than a second from edge to origin. The lifetime is short, so that an
 * assertion from a leaked log cannot be used for long.
 */
export const ASSERTION_LIFETIME_SECONDS = 60;
/**
 * The largest accepted difference between the clocks of edge and origin. NTP keeps both clocks exact to a second. The clock of a
 * Worker can be late, because it advances only when the Worker does I/O.
 */
export const CLOCK_SKEW_SECONDS = 10;
/**
 * The longest time from receipt to delivery of an event. The edge's queue retries for three days. The rest of the time is needed to
 * notice a dead letter and send it again. A limit is needed because a handler may not expect an event of last year.
 */
export const MAX_DELIVERY_AGE_SECONDS = 30 * 86_400;
/**
 * The limit of the length of an assertion. A usual assertion has about 1.2 KB. The limit leaves room for a long target, a long
 * subject and the names of a hundred headers.
 */
export const MAX_ASSERTION_CHARACTERS = 24 * 1024;

/**
 * The limit of the length of all forwarded headers, not counting the assertion and the certificates. A limit is needed because an
 * origin accepts at most 64 KiB of headers. Senders use a few KB.
 */
export const MAX_FORWARDED_HEADER_CHARACTERS = 16 * 1024;

/**
 * Cloudflare passes the sender's certificates to the worker in the fields `certRFC9440` and `certChainRFC9440`. The encoded texts
 * of these fields have at most 10 KiB and 16 KiB.
 */
export const MAX_CERTIFICATE_FIELD_CHARACTERS = 10 * 1024;
export const MAX_CHAIN_FIELD_CHARACTERS = 16 * 1024;
/** The limit of intermediates that a sender may present. It bounds the time of the path search. No CA in use needs more. */
export const MAX_INTERMEDIATES = 10;
/**
 * The default limit of CA certificates on a path, including the anchor, as in Apache's SSLVerifyDepth. It allows three
 * intermediates and a root.
 */
export const DEFAULT_MAX_CHAIN_DEPTH = 4;
/** The minimum size of an RSA key. Smaller keys have not been accepted in the public PKI since 2014 (CA/Browser Forum BR 6.1.5). */
export const MIN_RSA_BITS = 2048;
/** The maximum size of an RSA key. CAs use at most 4096 bits. To verify a signature of 16384 bits takes milliseconds. */
export const MAX_RSA_BITS = 8192;
/**
 * The limit of the time for verifying the signatures of the certificates in one request. The unit is the time to verify one P-256
 * signature. An honest chain has at most four P-521 signatures, which cost 100 units.
 */
export const MAX_SIGNATURE_COST = 120;
/**
 * The limit of the time for verifying signatures that do not match, in the unit of `MAX_SIGNATURE_COST`. It allows one signature
 * with a P-521 key, two with P-384, five with RSA over 4096 bits, or twenty with other keys. In an honest chain, signatures that do
 * not match occur only if a CA has several keys with one name and without key identifiers.
 */
export const MAX_WRONG_SIGNATURE_COST = 20;
/**
 * Limits of the number of extensions in a certificate, and of attributes in a name. Real certificates have up to twenty extensions,
 * and real names up to a dozen attributes. The limits are needed because OpenSSL takes time for each extension and each attribute.
 */
export const MAX_EXTENSIONS = 64;
export const MAX_NAME_ATTRIBUTES = 64;
/** A serial number has at most 20 octets (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_OCTETS = 20;

/**
 * Limits the work of checking name constraints. The work is the number of a certificate's names, multiplied by the octets of an
 * issuer's constraints. Each constraint counts as at least 64 octets. The limit allows 8,000 comparisons of usual names, for
 * example forty names under two hundred constraints. No client certificate needs more.
 */
export const MAX_NAME_COMPARISON_OCTETS = 512 * 1024;

/**
 * The largest size of all revocation lists of one source together. A list of a million serial numbers of 16 octets has 35 MB. The
 * largest public lists have a tenth as many entries.
 */
export const MAX_CRL_BYTES = 64 * 1024 * 1024;
/**
 * The limit of revocation lists from one source. It is enough for one list from every CA of a hierarchy. Over plain HTTP, anybody
 * on the network path can write the response. Without a limit, such a response could contain a hundred thousand lists.
 */
export const MAX_CRLS_OF_SOURCE = 64;
/** The limit of stored CA certificates whose keys signed revocation lists. A CA hierarchy has only a few of them. */
export const MAX_CRL_AUTHORITIES = 64;
/**
 * The limit of the length of a revocation list's source (URL or path). On the edge, the source is the key under which a list is
 * stored in Workers KV, and such a key has at most 512 bytes.
 */
export const MAX_CRL_SOURCE_CHARACTERS = 500;

/**
 * The default limit of a body's size. Webhook bodies without attachments are smaller than 150 KB. A route that expects documents
 * sets its own limit.
 */
export const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/**
 * The largest body size that a route may allow. A body without a declared length is in memory twice while its pieces are joined,
 * and an isolate has only 128 MB for all its requests.
 */
export const LARGEST_MAX_BODY_BYTES = 50 * 1024 * 1024;
/**
 * If a body has more than `MAX_TINY_PIECES` chunks, it is refused if these chunks have fewer than `TINY_PIECE_BYTES` octets on
 * average. A chunk of one octet takes as much time as a chunk of 16 KiB, so a body of 1 MiB in chunks of one octet took five
 * seconds. Usual senders are not affected: most write through a buffer, and the few without a buffer send fewer chunks.
 */
export const MAX_TINY_PIECES = 4_096;
export const TINY_PIECE_BYTES = 16;
/**
 * The limit of memory, in one process or isolate, for the bodies of unproven senders. A sender that passed no other check is
 * unproven until its whole body is read and verified. The limit has room for two bodies of the largest size. The first
 * `UNCOUNTED_BODY_BYTES` of each body do not count, so that most events are accepted even when somebody else uses up the limit.
 */
export const MAX_UNPROVEN_BODY_BYTES = 2 * LARGEST_MAX_BODY_BYTES;
export const UNCOUNTED_BODY_BYTES = 64 * 1024;

/**
 * The largest accepted difference between the time in a signature and our time. Slack, Stripe and Standard Webhooks all use five
 * minutes. A later retry is not affected, because it has a new signature.
 */
export const SIGNATURE_TOLERANCE_SECONDS = 300;
/**
 * The limit of signatures in numbered headers, such as X-DocuSign-Signature-1. Docusign signs with every active key of an account,
 * and puts each signature into a header of its own. An account may have a hundred keys.
 */
export const MAX_NUMBERED_SIGNATURES = 100;
/**
 * The limit of elements in a header that lists signatures. During a rotation, senders sign with the old and the new key. With two
 * algorithms, that makes four signatures. The limit leaves room for signatures of later versions.
 */
export const MAX_LISTED_SIGNATURES = 16;
/**
 * The limit of Ed25519 signatures in one request, because each is verified with each key over the whole body. A rotation needs two
 * signatures. The limit is twice that.
 */
export const MAX_ED25519_SIGNATURES = 4;
/**
 * The limit of Ed25519 verifications in one request, not counting those of the first signature. The first signature is always
 * verified with every key of the route. A request has further signatures during a rotation, because the sender then signs with the
 * old and the new key. One verification takes 0.1 ms.
 */
export const MAX_FURTHER_ED25519 = 16;
/**
 * The limit of the length of the event id that is part of what the sender signs. Standard Webhooks sets no limit for this id,
 * `webhook-id`. The ids of Svix have 31 characters.
 */
export const MAX_EVENT_ID_CHARACTERS = 256;
/**
 * An event key that is longer than this is stored as its digest, because event keys are indexed, and PostgreSQL allows at most
 * 2,704 octets in one entry of an index.
 */
export const MAX_EVENT_KEY_CHARACTERS = 512;
/**
 * The limit of JSON values in a body from which event keys or order keys are read. Reading this number of values takes 30 ms, and
 * during this time the origin does nothing else. A body of 1 MB has 100,000 values.
 */
export const MAX_KEYED_VALUES = 500_000;
/**
 * The limit of nesting in a body from which event keys or order keys are read. Events of real senders have less than a tenth of
 * this depth.
 */
export const MAX_KEYED_DEPTH = 500;
/**
 * The limits of a body in which a policy matches values: the size of the body, its nesting, and the number of values that one
 * pointer matches. The size is limited because JSON.parse may need fifty times as much memory as the body, and an isolate has only
 * 128 MB. Events of real senders stay far below these limits.
 */
export const MAX_JSON_BYTES = 1024 * 1024;
export const MAX_JSON_DEPTH = 64;
export const MAX_JSON_MATCHES = 10_000;
/** The limit of the size of one JSON value that is part of an event key or order key. */
export const MAX_KEYED_VALUE_BYTES = 64 * 1024;
/**
 * The minimum length of a secret that signs, and of a token. A limit is needed because anybody who has one signed event can guess
 * secrets, and check each guess with this event, without a time limit. Twelve random characters of base64 contain 72 bits. Secrets
 * that senders generate have 32 characters or more.
 */
export const MIN_SECRET_CHARACTERS = 12;
/** Standard Webhooks requires that a secret has at least 24 octets. */
export const MIN_STANDARD_SECRET_OCTETS = 24;
/**
 * If no key matches a signature, other forms of keys and bodies are tried, so that the log can say what is wrong. The size of the
 * body and the number of keys are limited, because anybody can send a signature that does not match.
 */
export const DIAGNOSED_BODY_BYTES = 32 * 1024;
export const DIAGNOSED_KEYS = 4;
/**
 * The limit of the work to find out why a signature does not match. This much work takes a few milliseconds. The unit is the time
 * of SHA-256 for one octet. To write a body again in a different form costs 16 units for each octet. To verify an Ed25519 signature
 * costs as much as SHA-256 of 64 KiB.
 */
export const DIAGNOSED_WORK = 4 * 1024 * 1024;
/** The limit of a body's size after decompression. A compressed body is decompressed only if no key matches the signature. */
export const DIAGNOSED_DECODED_BYTES = 128 * 1024;
/**
 * The limits of a challenge: the length of each value that is read, and the size of a body that may contain a challenge. The
 * longest known value is that of Microsoft Graph, with about 120 characters.
 */
export const MAX_CHALLENGE_CHARACTERS = 512;
export const MAX_CHALLENGE_BODY_BYTES = 8 * 1024;
/**
 * The limit of the length of Basic credentials. A user name of 255 octets and a password of 255 octets have 684 characters in
 * base64, both together.
 */
export const MAX_BASIC_CHARACTERS = 1024;

/** The limit of secrets for one sender. Each secret costs one HMAC of the body. One matching secret is enough. */
export const MAX_SIGNATURE_SECRETS = 20;

/**
 * The time for which the edge waits for the origin's answer. Docusign expects a response within 5 s, other senders within 10 to 30
 * s. Hardly any sender waits longer than 20 s.
 */
export const ORIGIN_DEADLINE_MILLISECONDS = 20_000;
/**
 * The limit up to which the edge reads an origin's answer, to see whether it is a problem document of Countersign, which has 200
 * octets. A larger answer comes from the user's code and is passed on unchanged.
 */
export const MAX_ORIGIN_PROBLEM_BYTES = 64 * 1024;
/** The Retry-After header that a sender gets if the fault is on our side. */
export const RETRY_AFTER_SECONDS = 30;
/**
 * The time for which anybody may cache the edge's published keys. It is long enough to keep requests away from the edge, and short
 * enough that a withdrawn key disappears within minutes.
 */
export const JWKS_MAX_AGE_SECONDS = 300;

/**
 * Limits of the cache of parsed certificates in one isolate or process: their number, and the total length of their base64. A usual
 * certificate has 2,000 characters. A certificate with very many names uses twenty times its length in memory, and an isolate has
 * 128 MB.
 */
export const CERTIFICATE_CACHE_ENTRIES = 512;
export const CERTIFICATE_CACHE_CHARACTERS = 1024 * 1024;
/**
 * If no sender admits a certificate, the nearest entry of the policy is reported. To find it, the certificate is compared with at
 * most this number of entries of all senders together, because a stranger can cause this work.
 */
export const DIAGNOSED_ENTRIES = 100;
/**
 * The limit of different proven certificates that a process reports for an observed route. The limit applies to each admitted
 * sender and each proving anchor separately. A sender usually presents only a few certificates.
 */
export const MAX_OBSERVED_PROVEN = 100;
/** The limit of different certificates that no anchor proves and that a process reports for an observed route. */
export const MAX_OBSERVED_UNPROVEN = 20;
/**
 * The number of certificates that are watched for each sender: those that the sender presented most recently. Their expiry is
 * checked, and a new certificate is compared with them. The record of a watched certificate is kept even when all its events are
 * deleted. A sender has only a few certificates, at most one per host.
 */
export const MAX_WATCHED_CERTIFICATES = 100;
/**
 * The number of a sender's entries whose end (`until`) is watched. The entries that end next are chosen. A limit is needed because
 * each watched entry is compared with all entries of the sender.
 */
export const MAX_WATCHED_WINDOWS = 100;
/**
 * The records of an event's first attempts and latest attempts are kept, up to these numbers. The first attempts show how the
 * trouble began. By default, an event has 30 attempts. So all records are kept unless the event is run again. Each record has at
 * most 1 KB.
 */
export const MAX_FIRST_ATTEMPTS = 10;
export const MAX_LATEST_ATTEMPTS = 40;
/**
 * The default limit of refused requests that are kept next to the events. With their log lines and certificates, they take at most
 * 48 MiB. SQLite's pages take up to a third more. A flood of refusals with one code and sender does not displace other refusals:
 * see `giveWay` in origin/inbox/refusals/shares.ts.
 */
export const MAX_REFUSALS = 20_000;
/**
 * The average room for the log line of one kept refusal. The limit of all lines in bytes is this number multiplied by the limit of
 * refusals. A line has 1.2 KB.
 */
export const REFUSAL_BYTES = 1_664;
/**
 * The average room for the certificates of one kept refusal. Most certificates are presented repeatedly, and each is kept only
 * once.
 */
export const REFUSED_CERTIFICATE_BYTES = 832;
/** The limit of refusals that wait in memory. They are written twice a second. */
export const MAX_WAITING_REFUSALS = 256;
/** The limit of refusals in one transaction. Accepted events wait some milliseconds until the transaction ends. */
export const MAX_REFUSALS_PER_WRITE = 64;
/** The length at which a text is cut in a log line. A limit is needed because a certificate's subject may be 10 KB of any text. */
export const MAX_LOGGED_CHARACTERS = 512;
/** The limit of members of a list or object in a log line, because a certificate may name thousands of purposes. */
export const MAX_LOGGED_MEMBERS = 16;
/** The limit of nesting in a log line. Our own lines have three levels. */
export const MAX_LOGGED_DEPTH = 6;
/**
 * The limit of a log line, not counting the RFC 9440 fields of an observed certificate. Our own lines have one or two KB. A
 * stranger who fills every value that he controls cannot write more than this per request.
 */
export const MAX_LOG_LINE_BYTES = 8 * 1024;

/**
 * The names of the worker's own bindings. A policy must not use these names for secrets, because on the edge each secret is a
 * binding too.
 */
export const RESERVED_BINDINGS: ReadonlySet<string> = new Set([
  "HOSTS",
  "ISSUER",
  "AUDIENCE",
  "ORIGIN_URL",
  "SIGNING_KEYS",
  "CRLS",
  "EVENTS",
  "BODIES",
  "RETRY_SECONDS",
  "DECISIONS",
]);
