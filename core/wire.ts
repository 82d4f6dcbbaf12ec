// Names and numbers that edge and origin must agree on, each with its reason.
// Constants only: nothing here decides anything.

/** Carries the assertion: one JWS in compact form (RFC 7515). */
export const ASSERTION_HEADER = "countersign-assertion";
/** The leaf certificate and the intermediates beside it (RFC 9440). */
export const CLIENT_CERT_HEADER = "client-cert";
export const CLIENT_CERT_CHAIN_HEADER = "client-cert-chain";
/** SHA-256 of the body bytes as sent (RFC 9530). */
export const CONTENT_DIGEST_HEADER = "content-digest";

/** `typ` of the assertion: explicit typing keeps other JWTs of the same key out (RFC 8725 §3.11). */
export const ASSERTION_TYPE = "countersign+jwt";
/** The one algorithm. It belongs to the key; a token's own `alg` never selects it (RFC 8725 §3.1). */
export const ASSERTION_ALGORITHM = "ES256";
export const JWKS_PATH = "/.well-known/jwks.json";

/** Life of an assertion. One hop takes well under a second; a minute bounds what a leaked log line is worth. */
export const ASSERTION_LIFETIME_SECONDS = 60;
/** How far the clocks of edge and origin may differ. NTP keeps both within one second; a Worker's clock stands still between I/O. */
export const CLOCK_SKEW_SECONDS = 10;
/**
 * How long after its receipt an event may still be delivered. The edge's queue tries for three days; the rest is time to
 * notice a dead letter and to send it again. What an event of last year would mean to a handler, nobody can say.
 */
export const MAX_DELIVERY_AGE_SECONDS = 30 * 86_400;
/** A JWS with our claims is about 1.2 KB; a long target, a long subject and the names of a hundred headers fit in 24 KiB. */
export const MAX_ASSERTION_CHARACTERS = 24 * 1024;

/** Of what is forwarded beside the assertion and the certificates: an origin takes 64 KiB in all. Senders use a few KB. */
export const MAX_FORWARDED_HEADER_CHARACTERS = 16 * 1024;

/** Cloudflare fills `certRFC9440` up to 10 KiB and `certChainRFC9440` up to 16 KiB of encoded text. */
export const MAX_CERTIFICATE_FIELD_CHARACTERS = 10 * 1024;
export const MAX_CHAIN_FIELD_CHARACTERS = 16 * 1024;
/** More intermediates than any public or private hierarchy in use: bounds the path search. */
export const MAX_INTERMEDIATES = 10;
/** CA certificates on a path, the anchor included (what Apache calls SSLVerifyDepth): leaf, two intermediates and a root fit. */
export const DEFAULT_MAX_CHAIN_DEPTH = 4;
/** RSA keys below 2048 bits are not accepted anywhere in the public PKI since 2014 (CA/Browser Forum BR 6.1.5). */
export const MIN_RSA_BITS = 2048;
/** CAs have 4096 at most. Checking a signature of 16384 bits takes milliseconds. */
export const MAX_RSA_BITS = 8192;
/**
 * Of one request: what signatures on its certificates may cost, beside one on P-256, and what wrong ones may. An honest
 * chain has four of P-521 at the most, and wrong ones only where a CA has several keys under one name and no key
 * identifiers: one on P-521 or two on P-384 are looked at, and twenty of other keys.
 */
export const MAX_SIGNATURE_COST = 120;
export const MAX_WRONG_SIGNATURE_COST = 20;
/** Of a certificate; and attributes of one name. In use are twenty and a dozen, and OpenSSL takes its time for each. */
export const MAX_EXTENSIONS = 64;
export const MAX_NAME_ATTRIBUTES = 64;
/** A serial number has at most 20 octets (RFC 5280 §4.1.2.2). */
export const MAX_SERIAL_OCTETS = 20;

/**
 * Names of a certificate times octets of an issuer's constraints, each of which counts for 64 at the least: eight thousand
 * comparisons of usual names, or forty names under two hundred constraints, which is more than any client has.
 */
export const MAX_NAME_COMPARISON_OCTETS = 512 * 1024;

/** A million entries of 16-octet serial numbers take 35 MB; the largest public lists hold a tenth of that. */
export const MAX_CRL_BYTES = 64 * 1024 * 1024;
/** Lists of one source: those of every authority of a hierarchy fit. A stranger's answer may hold a hundred thousand. */
export const MAX_CRLS_OF_SOURCE = 64;
/** Certificates of authorities that are remembered for having signed a list: a hierarchy has a handful. */
export const MAX_CRL_AUTHORITIES = 64;
/** On the edge a source is the key of its list, which Workers KV limits to 512 bytes. */
export const MAX_CRL_SOURCE_CHARACTERS = 500;

/** Webhook bodies without attachments stay under 150 KB; a route that expects documents says so. */
export const DEFAULT_MAX_BODY_BYTES = 1024 * 1024;
/**
 * A body without a declared length is held twice while its pieces are joined, and an isolate has 128 MB for all that it does
 * at the same time.
 */
export const LARGEST_MAX_BODY_BYTES = 50 * 1024 * 1024;
/**
 * A body may come in chunks of one octet, and each costs as much as one of 16 KiB: 1 MiB took five seconds. Senders write into
 * buffers, and the few that do not are through by then.
 */
export const MAX_TINY_PIECES = 4_096;
export const TINY_PIECE_BYTES = 16;
/**
 * Of bodies that are on their way, in one process or isolate, while nothing but a signature can prove their senders: room for
 * the largest of them. What most senders send does not count, so that their events pass whoever fills the rest.
 */
export const MAX_UNPROVEN_BODY_BYTES = 2 * LARGEST_MAX_BODY_BYTES;
export const UNCOUNTED_BODY_BYTES = 64 * 1024;

/** Slack, Stripe and Standard Webhooks all name five minutes; a retry is signed anew. */
export const SIGNATURE_TOLERANCE_SECONDS = 300;
/** Docusign signs with every active key of an account, in a header of its own each, and an account may have a hundred. */
export const MAX_NUMBERED_SIGNATURES = 100;
/** Other senders sign with the old and the new key while they rotate; twice that in two kinds, and room for later versions. */
export const MAX_LISTED_SIGNATURES = 16;
/** Each of these is verified with each key over the whole body: two keys while they rotate, and twice that. */
export const MAX_ED25519_SIGNATURES = 4;
/**
 * Of one request: with each key of its route the first of these is verified, and so many more with all keys together. A
 * sender that rotates signs with the old and the new key. One takes a tenth of a millisecond.
 */
export const MAX_FURTHER_ED25519 = 16;
/** Standard Webhooks sets no limit to `webhook-id`; those of Svix have 31 characters. */
export const MAX_EVENT_ID_CHARACTERS = 256;
/** A longer key is kept as its digest. Keys are indexed, and PostgreSQL takes up to 2,704 octets in an index. */
export const MAX_EVENT_KEY_CHARACTERS = 512;
/** Of a body that keys are read from. So many values take 30 ms, in which the origin does nothing else; a body of 1 MB has 100,000. */
export const MAX_KEYED_VALUES = 500_000;
/** No sender nests its events as deep as a tenth of that. */
export const MAX_KEYED_DEPTH = 500;
/** Of one value that a key is made of. */
export const MAX_KEYED_VALUE_BYTES = 64 * 1024;
/**
 * Who has one signed event can try secrets on it for as long as he likes: twelve random characters of base64 hold 72
 * bits. What senders generate has 32 or more.
 */
export const MIN_SIGNATURE_SECRET_CHARACTERS = 12;
/** Standard Webhooks: at least 24 octets. */
export const MIN_STANDARD_SECRET_OCTETS = 24;
/**
 * After a mismatch other spellings of key and body are tried, for anybody can send a signature that does not match. What
 * that may take is counted in octets of SHA-256: a spelling that is written costs sixteen times its octets, a signature of
 * Ed25519 as much as 64 KiB. A few milliseconds in all.
 */
export const DIAGNOSED_BODY_BYTES = 32 * 1024;
export const DIAGNOSED_KEYS = 4;
export const DIAGNOSED_WORK = 4 * 1024 * 1024;
/** What a compressed body may become. */
export const DIAGNOSED_DECODED_BYTES = 128 * 1024;
/** A user name and a password of 255 octets each take 684 characters of base64. */
export const MAX_BASIC_CHARACTERS = 1024;

/** Secrets that one sender may sign with at a time: each costs one HMAC of the body. Docusign has at most 100 keys an account. */
export const MAX_SIGNATURE_SECRETS = 20;
/** Bindings of the worker that a policy's secrets must not be called. */
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
]);

/** Docusign asks for an answer within 5 s and others wait 10 to 30: after 20 s nobody listens any more. */
export const ORIGIN_DEADLINE_MILLISECONDS = 20_000;
/** A problem of an origin's own has 200 octets. What is longer is the user's, and passed on as it comes. */
export const MAX_ORIGIN_PROBLEM_BYTES = 64 * 1024;
/** What a sender is told to wait when the fault is on our side. */
export const RETRY_AFTER_SECONDS = 30;
/** Long enough to spare the edge, short enough that a withdrawn key is gone within minutes. */
export const JWKS_MAX_AGE_SECONDS = 300;

/**
 * Parsed certificates kept per isolate or process, and characters of their base64 together. Usual ones have two thousand. One
 * that is full of names takes twenty times its characters, and an isolate has 128 MB.
 */
export const CERTIFICATE_CACHE_ENTRIES = 512;
export const CERTIFICATE_CACHE_CHARACTERS = 1024 * 1024;
/**
 * Entries of a policy compared with a certificate that none admits, to say which came nearest, of all senders together:
 * bounds what a stranger costs.
 */
export const DIAGNOSED_ENTRIES = 100;
/** Distinct certificates that a process tells of on an observed route, of each sender and of each anchor: a sender has a handful. */
export const MAX_OBSERVED_PROVEN = 100;
/** The same for all certificates that no anchor proves. */
export const MAX_OBSERVED_UNPROVEN = 20;
/**
 * Certificates of one sender, the last presented: their ends are looked at, a new one is compared with them, and they stay when all their
 * events are deleted. A sender has a handful, one a host at the most.
 */
export const MAX_WATCHED_CERTIFICATES = 100;
/** Windows of one sender, the next to end, that are looked at: each is compared with all entries. */
export const MAX_WATCHED_WINDOWS = 100;
/** Values copied from a certificate into a log line are cut here: a subject may be 10 KB of anything. */
export const MAX_LOGGED_CHARACTERS = 512;
/** Members of a list or an object in a log line: a certificate may name thousands of purposes. */
export const MAX_LOGGED_MEMBERS = 16;
/** Levels of lists and objects in a log line. Ours have three. */
export const MAX_LOGGED_DEPTH = 6;
/**
 * A log line as a whole, but for the RFC 9440 fields of an observed certificate. Ours have one or two KB; a stranger who fills
 * every value that he can choose gets no more than this for a request.
 */
export const MAX_LOG_LINE_BYTES = 8 * 1024;
