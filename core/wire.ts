// Names and numbers that edge and origin must agree on, each with its reason. Only constants: nothing here decides anything.

/** Carries the assertion: one JWS in compact form (RFC 7515). */
export const ASSERTION_HEADER = "countersign-assertion";
/** The leaf certificate and its intermediates (RFC 9440). */
export const CLIENT_CERT_HEADER = "client-cert";
export const CLIENT_CERT_CHAIN_HEADER = "client-cert-chain";
/** SHA-256 of the body bytes as sent (RFC 9530). */
export const CONTENT_DIGEST_HEADER = "content-digest";

/** `typ` of the assertion. Explicit typing rejects other JWTs that the same key signed (RFC 8725 §3.11). */
export const ASSERTION_TYPE = "countersign+jwt";
/** The only algorithm. It belongs to the key; the token's own `alg` never selects it (RFC 8725 §3.1). */
export const ASSERTION_ALGORITHM = "ES256";
export const JWKS_PATH = "/.well-known/jwks.json";

/**
 * Lifetime of an assertion. One hop takes much less than a second. A minute limits how long an assertion from a leaked log can be
 * used.
 */
export const ASSERTION_LIFETIME_SECONDS = 60;
/**
 * How far the clocks of edge and origin may differ. NTP keeps both within a second. A Worker's clock does not advance between
 * I/O.
 */
export const CLOCK_SKEW_SECONDS = 10;
/**
 * How long after its receipt an event may still be delivered. The edge's queue retries for three days. The rest is time to notice
 * a dead letter and to send it again. A limit is needed because a handler may not expect an event of last year.
 */
export const MAX_DELIVERY_AGE_SECONDS = 30 * 86_400;
/** A JWS with our claims takes about 1.2 KB. In 24 KiB a long target, a long subject and the names of a hundred headers also fit. */
export const MAX_ASSERTION_CHARACTERS = 24 * 1024;

/**
 * Limit of the headers that are forwarded besides the assertion and the certificates. An origin accepts 64 KiB in total. Senders
 * use a few KB.
 */
export const MAX_FORWARDED_HEADER_CHARACTERS = 16 * 1024;

/** Cloudflare's limits for `certRFC9440` (10 KiB) and `certChainRFC9440` (16 KiB) of encoded text. */
export const MAX_CERTIFICATE_FIELD_CHARACTERS = 10 * 1024;
export const MAX_CHAIN_FIELD_CHARACTERS = 16 * 1024;
/** More intermediates than any public or private hierarchy in use has. Limits the path search. */
export const MAX_INTERMEDIATES = 10;
/** CA certificates on a path, the anchor included (Apache's SSLVerifyDepth). Enough for three intermediates and a root. */
export const DEFAULT_MAX_CHAIN_DEPTH = 4;
/** RSA keys below 2048 bits have not been accepted in the public PKI since 2014 (CA/Browser Forum BR 6.1.5). */
export const MIN_RSA_BITS = 2048;
/** CAs have at most 4096 bits. To verify a signature of 16384 bits takes milliseconds. */
export const MAX_RSA_BITS = 8192;
/**
 * Limits for one request: the cost of verifying signatures on its certificates, in units of one on P-256, and the cost of those
 * that turn out wrong. An honest chain has at most four signatures on P-521. It has wrong ones only if a CA has several keys with
 * one name and no key identifiers. The second limit allows for one wrong signature on P-521, two on P-384, or twenty with other
 * keys.
 */
export const MAX_SIGNATURE_COST = 120;
export const MAX_WRONG_SIGNATURE_COST = 20;
/**
 * Extensions of a certificate; attributes of one name. Real certificates have up to twenty and a dozen. A limit is needed because
 * OpenSSL takes time for each.
 */
export const MAX_EXTENSIONS = 64;
export const MAX_NAME_ATTRIBUTES = 64;
/** A serial number has at most 20 octets (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_OCTETS = 20;

/**
 * Names of a certificate multiplied by octets of an issuer's constraints, where each constraint counts as at least 64. That is
 * 8,000 comparisons of usual names, or forty names under two hundred constraints: more than any client certificate needs.
 */
export const MAX_NAME_COMPARISON_OCTETS = 512 * 1024;

/** A million entries with serial numbers of 16 octets take 35 MB. The largest public lists hold a tenth of that. */
export const MAX_CRL_BYTES = 64 * 1024 * 1024;
/**
 * Lists of one source. Enough for every authority of a hierarchy. A limit is needed because the answer of a stranger may hold a
 * hundred thousand.
 */
export const MAX_CRLS_OF_SOURCE = 64;
/** How many certificates of list signers are remembered. A hierarchy has a handful. */
export const MAX_CRL_AUTHORITIES = 64;
/** On the edge, the source is the key of its list in Workers KV, whose keys are limited to 512 bytes. */
export const MAX_CRL_SOURCE_CHARACTERS = 500;

/** Webhook bodies without attachments are smaller than 150 KB. A route that expects documents sets its own limit. */
export const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/**
 * A body without a declared length is in memory twice while its pieces are joined, and an isolate has 128 MB for all its
 * requests.
 */
export const LARGEST_MAX_BODY_BYTES = 50 * 1024 * 1024;
/**
 * A body may come in chunks of one octet, and each chunk costs as much as one of 16 KiB: 1 MiB of them took five seconds. So a
 * body with more chunks than this is refused if they are smaller than TINY_PIECE_BYTES on average. Senders write buffered, and
 * the few that do not send less than this.
 */
export const MAX_TINY_PIECES = 4_096;
export const TINY_PIECE_BYTES = 16;
/**
 * Limit of the bodies in transit, in one process or isolate, whose senders only a signature can prove. It has room for two of the
 * largest bodies. The first UNCOUNTED_BODY_BYTES of each body do not count, so that most events pass even when somebody else
 * fills the budget.
 */
export const MAX_UNPROVEN_BODY_BYTES = 2 * LARGEST_MAX_BODY_BYTES;
export const UNCOUNTED_BODY_BYTES = 64 * 1024;

/** Slack, Stripe and Standard Webhooks all use five minutes. A retry has a new signature. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;
/** Docusign signs with every active key of an account, each in a header of its own. An account may have a hundred keys. */
export const MAX_NUMBERED_SIGNATURES = 100;
/**
 * During a rotation, other senders sign with the old and the new key. With two algorithms that is four; the rest is room for
 * later versions.
 */
export const MAX_LISTED_SIGNATURES = 16;
/** Each of these is verified with each key over the whole body. A rotation needs two; this is twice that. */
export const MAX_ED25519_SIGNATURES = 4;
/**
 * For one request: each key of its route verifies the first Ed25519 signature, and all keys together verify at most this number
 * of further ones. A sender that rotates signs with the old and the new key. One verification takes 0.1 ms.
 */
export const MAX_FURTHER_ED25519 = 16;
/** Standard Webhooks sets no limit for `webhook-id`. Those of Svix have 31 characters. */
export const MAX_EVENT_ID_CHARACTERS = 256;
/** A longer key is stored as its digest, because keys are indexed and PostgreSQL allows at most 2,704 octets in an index. */
export const MAX_EVENT_KEY_CHARACTERS = 512;
/**
 * Limit of JSON values in a body from which keys are read. To read this number takes 30 ms, in which the origin does nothing
 * else. A body of 1 MB has 100,000.
 */
export const MAX_KEYED_VALUES = 500_000;
/** Events of real senders are less than a tenth as deep. */
export const MAX_KEYED_DEPTH = 500;
/** Limit of one value that is part of a key. */
export const MAX_KEYED_VALUE_BYTES = 64 * 1024;
/**
 * Whoever has one signed event can try secrets on it for any length of time. Twelve random characters of base64 hold 72 bits.
 * Secrets that senders generate have 32 characters or more.
 */
export const MIN_SIGNATURE_SECRET_CHARACTERS = 12;
/** Standard Webhooks requires at least 24 octets. */
export const MIN_STANDARD_SECRET_OCTETS = 24;
/**
 * After a mismatch, other forms of key and body are tried. The work is limited, because anybody can send a signature that does
 * not match. It is counted in octets of SHA-256: a rewritten body costs sixteen times its size, and an Ed25519 signature as much
 * as 64 KiB. In total it takes a few milliseconds.
 */
export const DIAGNOSED_BODY_BYTES = 32 * 1024;
export const DIAGNOSED_KEYS = 4;
export const DIAGNOSED_WORK = 4 * 1024 * 1024;
/** Limit of the size of a body after decompression. */
export const DIAGNOSED_DECODED_BYTES = 128 * 1024;
/** A user name and a password of 255 octets each take 684 characters of base64. */
export const MAX_BASIC_CHARACTERS = 1024;

/** Secrets that one sender may have at a time. Each costs one HMAC of the body. Docusign allows at most 100 keys for an account. */
export const MAX_SIGNATURE_SECRETS = 20;
/** Bindings of the worker. A policy's secrets must not have these names. */
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

/** Docusign expects a response within 5 s, others within 10 to 30 s. After 20 s hardly any sender still waits. */
export const ORIGIN_DEADLINE_MILLISECONDS = 20_000;
/** An origin's own problem document has 200 octets. A larger response comes from the user's code and is passed on unchanged. */
export const MAX_ORIGIN_PROBLEM_BYTES = 64 * 1024;
/** The Retry-After that a sender gets if the fault is on our side. */
export const RETRY_AFTER_SECONDS = 30;
/** Long enough to keep requests away from the edge, short enough that a withdrawn key is gone within minutes. */
export const JWKS_MAX_AGE_SECONDS = 300;

/**
 * Limits of parsed certificates kept per isolate or process: their number, and the total length of their base64. A usual
 * certificate has 2,000 characters. One that is full of names takes twenty times its length in memory, and an isolate has 128 MB.
 */
export const CERTIFICATE_CACHE_ENTRIES = 512;
export const CERTIFICATE_CACHE_CHARACTERS = 1024 * 1024;
/**
 * How many entries of all senders are compared with a certificate that none of them admits, to report the nearest. Limits the
 * work that a stranger can cause.
 */
export const DIAGNOSED_ENTRIES = 100;
/** Distinct certificates that a process reports on an observed route, for each sender and for each anchor. A sender has a handful. */
export const MAX_OBSERVED_PROVEN = 100;
/** The same limit for all certificates that no anchor proves, together. */
export const MAX_OBSERVED_UNPROVEN = 20;
/**
 * How many of a sender's certificates are watched, the most recently presented ones. Their expiry is checked, a new one is
 * compared with them, and their records stay when all their events are deleted. A sender has a handful, at most one per host.
 */
export const MAX_WATCHED_CERTIFICATES = 100;
/** How many windows of a sender are checked, the next to end first. Each is compared with all entries. */
export const MAX_WATCHED_WINDOWS = 100;
/**
 * Records of attempts kept per event: the first ones, which show how it began, and the latest ones. An event has 30 attempts
 * unless configured otherwise, so one that was never run again keeps all of them. Each has at most 1 KB.
 */
export const MAX_FIRST_ATTEMPTS = 10;
export const MAX_LATEST_ATTEMPTS = 40;
/**
 * Refused requests kept beside the events, unless configured otherwise. With their lines and certificates that is at most 48 MiB;
 * SQLite's pages take up to a third more. A flood takes the room of nobody else: see giveWay in origin/inbox/refusals/shares.ts.
 */
export const MAX_REFUSALS = 20_000;
/** Bytes of lines and of certificates per refusal of the limit, on average. A line has 1.2 KB, and most certificates come again. */
export const REFUSAL_BYTES = 1_664;
export const REFUSED_CERTIFICATE_BYTES = 832;
/**
 * Refusals that wait to be written, and how many of them share a transaction. In a flood a process keeps twice this number per
 * second. Acceptances wait for a transaction for some milliseconds.
 */
export const MAX_WAITING_REFUSALS = 256;
export const MAX_REFUSALS_PER_WRITE = 64;
/** Values from a certificate are cut to this length in a log line: a subject may be 10 KB of anything. */
export const MAX_LOGGED_CHARACTERS = 512;
/** Limit of members of a list or object in a log line: a certificate may name thousands of purposes. */
export const MAX_LOGGED_MEMBERS = 16;
/** Limit of nesting in a log line. Our own lines have three levels. */
export const MAX_LOGGED_DEPTH = 6;
/**
 * Limit of a log line, without the RFC 9440 fields of an observed certificate. Our own lines have one or two KB. A stranger who
 * fills every value that he controls cannot write more than this per request.
 */
export const MAX_LOG_LINE_BYTES = 8 * 1024;
