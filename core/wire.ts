// Names and numbers on which edge and origin must agree, each with its reason. These are only constants. Nothing here decides.

/** The header with the assertion: one JWS in compact form (RFC 7515). */
export const ASSERTION_HEADER = "countersign-assertion";
/** The headers with the leaf certificate and its intermediates (RFC 9440). */
export const CLIENT_CERT_HEADER = "client-cert";
export const CLIENT_CERT_CHAIN_HEADER = "client-cert-chain";
/** The header with the SHA-256 of the body as sent (RFC 9530). */
export const CONTENT_DIGEST_HEADER = "content-digest";

/** `typ` of the assertion. Explicit typing rejects other JWTs that the same key signed (RFC 8725 §3.11). */
export const ASSERTION_TYPE = "countersign+jwt";
/** The only algorithm. It is fixed for each key. The token's own `alg` never selects it (RFC 8725 §3.1). */
export const ASSERTION_ALGORITHM = "ES256";
export const JWKS_PATH = "/.well-known/jwks.json";

/**
 * The lifetime of an assertion. Edge to origin takes much less than a second. A minute limits how long an assertion from a leaked
 * log can be used.
 */
export const ASSERTION_LIFETIME_SECONDS = 60;
/**
 * The most by which the clocks of edge and origin may differ. NTP keeps both exact to a second. A Worker's clock does not advance
 * between I/O.
 */
export const CLOCK_SKEW_SECONDS = 10;
/**
 * The longest time from receipt to delivery of an event. The edge's queue retries for three days. The rest is time to notice a dead
 * letter and to send it again. A limit is needed because a handler may not expect an event of last year.
 */
export const MAX_DELIVERY_AGE_SECONDS = 30 * 86_400;
/**
 * A JWS with our claims takes about 1.2 KB. 24 KiB also have room for a long target, a long subject and the names of a hundred
 * headers.
 */
export const MAX_ASSERTION_CHARACTERS = 24 * 1024;

/**
 * The limit of the forwarded headers without the assertion and the certificates. An origin accepts 64 KiB in total. Senders use a
 * few KB.
 */
export const MAX_FORWARDED_HEADER_CHARACTERS = 16 * 1024;

/** Cloudflare's limits for `certRFC9440` (10 KiB) and `certChainRFC9440` (16 KiB) of encoded text. */
export const MAX_CERTIFICATE_FIELD_CHARACTERS = 10 * 1024;
export const MAX_CHAIN_FIELD_CHARACTERS = 16 * 1024;
/** No public or private hierarchy in use has more intermediates. The limit bounds the path search. */
export const MAX_INTERMEDIATES = 10;
/**
 * The limit of CA certificates on a path, the anchor included. Three intermediates and a root fit, as in Apache's SSLVerifyDepth.
 */
export const DEFAULT_MAX_CHAIN_DEPTH = 4;
/** RSA keys below 2048 bits have not been accepted in the public PKI since 2014 (CA/Browser Forum BR 6.1.5). */
export const MIN_RSA_BITS = 2048;
/** CAs have at most 4096 bits. Verifying a signature of 16384 bits takes milliseconds. */
export const MAX_RSA_BITS = 8192;
/**
 * Limits of the time for verifying signatures on certificates in one request: for all signatures, and for the wrong ones. The unit
 * is one signature on P-256. An honest chain has at most four signatures on P-521. It has wrong ones only if a CA has several keys
 * with one name and without key identifiers. The second limit allows one wrong signature on P-521, two on P-384, or twenty with
 * other keys.
 */
export const MAX_SIGNATURE_COST = 120;
export const MAX_WRONG_SIGNATURE_COST = 20;
/**
 * Limits of the extensions of a certificate and of the attributes of a name. Real certificates have up to twenty extensions, and
 * real names up to a dozen attributes. The limits are needed because OpenSSL takes time for each.
 */
export const MAX_EXTENSIONS = 64;
export const MAX_NAME_ATTRIBUTES = 64;
/** A serial number has at most 20 octets (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_OCTETS = 20;

/**
 * The limit of a product: the number of a certificate's names, multiplied by the octets of an issuer's constraints. Each constraint
 * counts as at least 64 octets. The limit allows 8,000 comparisons of usual names, for example forty names under two hundred
 * constraints. No client certificate needs more.
 */
export const MAX_NAME_COMPARISON_OCTETS = 512 * 1024;

/** A million entries with serial numbers of 16 octets take 35 MB. The largest public lists have a tenth of these entries. */
export const MAX_CRL_BYTES = 64 * 1024 * 1024;
/**
 * The limit of lists from one source. It is enough for every authority of a hierarchy. It is needed because an answer that a
 * stranger wrote may contain a hundred thousand lists.
 */
export const MAX_CRLS_OF_SOURCE = 64;
/** The number of list signers whose certificates are remembered. A hierarchy has a handful. */
export const MAX_CRL_AUTHORITIES = 64;
/** On the edge, a list is stored in Workers KV under its source, and a key of Workers KV has at most 512 bytes. */
export const MAX_CRL_SOURCE_CHARACTERS = 500;

/** Webhook bodies without attachments are smaller than 150 KB. A route that expects documents sets its own limit. */
export const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/**
 * A body without a declared length is in memory twice while its pieces are joined, and an isolate has only 128 MB for all its
 * requests.
 */
export const LARGEST_MAX_BODY_BYTES = 50 * 1024 * 1024;
/**
 * A chunk of one octet costs as much time as a chunk of 16 KiB. A body of 1 MiB in chunks of one octet took five seconds. So a body
 * with more chunks than MAX_TINY_PIECES is refused if the chunks have fewer octets than TINY_PIECE_BYTES on average. Senders write
 * with a buffer. The few senders without a buffer send fewer chunks.
 */
export const MAX_TINY_PIECES = 4_096;
export const TINY_PIECE_BYTES = 16;
/**
 * The limit of all bodies in transit, in one process or isolate, whose senders only a signature can prove. It has room for two
 * bodies of the largest size. The first UNCOUNTED_BODY_BYTES of each body do not count, so that most events pass even when somebody
 * else uses up the budget.
 */
export const MAX_UNPROVEN_BODY_BYTES = 2 * LARGEST_MAX_BODY_BYTES;
export const UNCOUNTED_BODY_BYTES = 64 * 1024;

/** Slack, Stripe and Standard Webhooks all use five minutes. A retry has a new signature. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;
/** Docusign signs with every active key of an account, each in a header of its own. An account may have a hundred keys. */
export const MAX_NUMBERED_SIGNATURES = 100;
/**
 * During a rotation, senders sign with the old and the new key. With two algorithms these are four signatures. The rest is room for
 * later versions.
 */
export const MAX_LISTED_SIGNATURES = 16;
/** Each Ed25519 signature is verified with each key over the whole body. A rotation needs two. The limit is twice that. */
export const MAX_ED25519_SIGNATURES = 4;
/**
 * For one request, each key of its route verifies the first Ed25519 signature, and all keys together verify at most this number of
 * further signatures. They are needed because a sender that rotates signs with the old and the new key. One verification takes
 * 0.1 ms.
 */
export const MAX_FURTHER_ED25519 = 16;
/** Standard Webhooks sets no limit for `webhook-id`. The ids of Svix have 31 characters. */
export const MAX_EVENT_ID_CHARACTERS = 256;
/** A longer key is stored as its digest, because keys are indexed and PostgreSQL allows at most 2,704 octets in an index. */
export const MAX_EVENT_KEY_CHARACTERS = 512;
/**
 * The limit of JSON values in a body from which keys are read. Reading this number takes 30 ms, in which the origin does nothing
 * else. A body of 1 MB has 100,000 values.
 */
export const MAX_KEYED_VALUES = 500_000;
/** The limit of nesting in a body from which keys are read. Events of real senders have less than a tenth of this depth. */
export const MAX_KEYED_DEPTH = 500;
/** The limit of one value that is part of a key. */
export const MAX_KEYED_VALUE_BYTES = 64 * 1024;
/**
 * Somebody who has one signed event can try secrets on it without a time limit. Twelve random characters of base64 contain 72 bits.
 * Secrets that senders generate have 32 characters or more.
 */
export const MIN_SIGNATURE_SECRET_CHARACTERS = 12;
/** Standard Webhooks requires at least 24 octets. */
export const MIN_STANDARD_SECRET_OCTETS = 24;
/**
 * After a mismatch, other forms of key and body are tried. The work is limited, because anybody can send a signature that does not
 * match. The unit is the time of SHA-256 for one octet. A rewritten body costs sixteen times its size, and an Ed25519 signature as
 * much as 64 KiB. The whole work takes a few milliseconds.
 */
export const DIAGNOSED_BODY_BYTES = 32 * 1024;
export const DIAGNOSED_KEYS = 4;
export const DIAGNOSED_WORK = 4 * 1024 * 1024;
/** The limit of a body's size after decompression. */
export const DIAGNOSED_DECODED_BYTES = 128 * 1024;
/** A user name and a password of 255 octets each have 684 characters in base64. */
export const MAX_BASIC_CHARACTERS = 1024;

/** The limit of secrets for one sender. Each costs one HMAC of the body. Docusign allows at most 100 keys for an account. */
export const MAX_SIGNATURE_SECRETS = 20;
/** The names of the worker's bindings. The secrets of a policy must not have these names. */
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

/** Docusign expects a response within 5 s, others within 10 to 30 s. Hardly any sender waits longer than 20 s. */
export const ORIGIN_DEADLINE_MILLISECONDS = 20_000;
/** An origin's own problem document has 200 octets. A larger response comes from the user's code and is passed on unchanged. */
export const MAX_ORIGIN_PROBLEM_BYTES = 64 * 1024;
/** The Retry-After that a sender gets if the fault is on our side. */
export const RETRY_AFTER_SECONDS = 30;
/** The time is long enough to keep requests away from the edge, and short enough that a withdrawn key disappears within minutes. */
export const JWKS_MAX_AGE_SECONDS = 300;

/**
 * Limits of the cache of parsed certificates in one isolate or process: their number, and the total length of their base64. A usual
 * certificate has 2,000 characters. A certificate with very many names uses twenty times its length in memory, and an isolate has
 * 128 MB.
 */
export const CERTIFICATE_CACHE_ENTRIES = 512;
export const CERTIFICATE_CACHE_CHARACTERS = 1024 * 1024;
/**
 * The number of entries, of all senders together, with which a certificate is compared if no sender admits it. The nearest entry is
 * reported. The limit bounds the work that a stranger can cause.
 */
export const DIAGNOSED_ENTRIES = 100;
/**
 * The number of different certificates that a process reports for an observed route, for each sender and for each anchor. A sender
 * has a handful.
 */
export const MAX_OBSERVED_PROVEN = 100;
/** The limit of reported certificates that no anchor proves, for an observed route. */
export const MAX_OBSERVED_UNPROVEN = 20;
/**
 * The number of a sender's most recently presented certificates that are watched. Their expiry is checked, and a new certificate is
 * compared with them. Their records stay when all their events are deleted. A sender has a handful, at most one per host.
 */
export const MAX_WATCHED_CERTIFICATES = 100;
/** The number of a sender's windows that are checked, those that end next. Each window is compared with all entries. */
export const MAX_WATCHED_WINDOWS = 100;
/**
 * The number of attempts whose records are kept for each event: the first attempts, which show how it began, and the latest ones.
 * By default, an event has 30 attempts. So all of them are kept unless the event is run again. Each record has at most 1 KB.
 */
export const MAX_FIRST_ATTEMPTS = 10;
export const MAX_LATEST_ATTEMPTS = 40;
/**
 * The default number of refused requests that are kept next to the events. With their lines and certificates, they take at most
 * 48 MiB. SQLite's pages take up to a third more. A flood cannot use the room of other sources: see giveWay in
 * origin/inbox/refusals/shares.ts.
 */
export const MAX_REFUSALS = 20_000;
/**
 * The average bytes per kept refusal, for its line and for its certificates. Multiplied by the limit on refusals, they are the
 * limits in bytes. A line has 1.2 KB. Most certificates are presented repeatedly and are kept only once.
 */
export const REFUSAL_BYTES = 1_664;
export const REFUSED_CERTIFICATE_BYTES = 832;
/**
 * The limits of refusals that wait to be written, and of refusals in one transaction. They are written twice a second. While a
 * transaction of them runs, acceptances wait some milliseconds.
 */
export const MAX_WAITING_REFUSALS = 256;
export const MAX_REFUSALS_PER_WRITE = 64;
/** The length at which values from a certificate are cut in a log line. A subject may be 10 KB of any text. */
export const MAX_LOGGED_CHARACTERS = 512;
/** The limit of members of a list or object in a log line. A certificate may name thousands of purposes. */
export const MAX_LOGGED_MEMBERS = 16;
/** The limit of nesting in a log line. Our own lines have three levels. */
export const MAX_LOGGED_DEPTH = 6;
/**
 * The limit of a log line, without the RFC 9440 fields of an observed certificate. Our own lines have one or two KB. A stranger who
 * fills every value that he controls cannot write more than this per request.
 */
export const MAX_LOG_LINE_BYTES = 8 * 1024;
