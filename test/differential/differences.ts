// Where our reader and its oracles differ, and why they may. Whatever is not listed here fails the differential test.

type Difference = readonly [complaint: RegExp, reason: string];

/** Our complaints about what OpenSSL takes when it reads a certificate or a list. */
export const STRICTER: readonly Difference[] = [
  [/^extension \S+: /, "OpenSSL reads the value of an extension when it verifies, and many values never."],
  [/^extension \S+ is repeated$/, "OpenSSL finds it when it verifies (RFC 5280 §4.2)."],
  [/^an extension of an entry is repeated$/, "OpenSSL takes the first."],
  [/^trailing bytes after the DER value$/, "OpenSSL reads one value, and whatever is after it is not its concern."],
  [/^not DER: a length is (padded|indefinite or cut short)$/, "OpenSSL takes lengths in BER."],
  [/^not DER: a value is in the wrong form for its type$/, "OpenSSL puts together texts that are in pieces."],
  [
    /^not DER: a value is (missing or )?cut short$|^not DER: an empty type|^not DER as certificates have it/,
    "OpenSSL does not look into a value that may be of any type (parameters, SEQUENCEs in names), and into keys later.",
  ],
  [/^a value (is missing or of another type|has more members than its type)$/, "The same, of keys and parameters."],
  [
    /^an? (BOOLEAN|BIT STRING|NULL|OBJECT IDENTIFIER|INTEGER) /,
    "OpenSSL takes some contents in BER, and keeps those it does not use.",
  ],
  [/^a time is (malformed|missing or of another type)$/, "OpenSSL keeps a time as text until it compares it."],
  [
    /^an ASCII string type holds|^a NumericString holds|^a text (is not UTF-8|ends within|holds)/,
    "OpenSSL keeps texts as octets where it has no use for them.",
  ],
  [/^a name holds a control character$/, "A name that moves the cursor of who reads the log is a forgery."],
  [/^a name holds a value of a type that names do not have$/, "OpenSSL takes types that it does not know."],
  [/^not an X\.509 v3 certificate$|^not a v2 list$/, "RFC 5280 alone is read; OpenSSL takes the versions before."],
  [/^the two signature algorithms differ$/, "OpenSSL compares them when it verifies (RFC 5280 §4.1.1.2)."],
  [/^the serial number is over 20 octets$/, "RFC 5280 §4.1.2.2."],
  [/^error:[0-9A-F]+:/, "OpenSSL's own complaint about the key, which it reads when somebody asks for it."],
  [/^the curve of the key is not named$/, "RFC 5480 §2.1.1. OpenSSL finds it when it verifies."],
  [/^the signature algorithm \S+ is not accepted$/, "Of lists: a signature that is never accepted is not checked."],
  [
    /^critical extension \S+ is not understood$|^a critical extension of an entry is not understood$/,
    "OpenSSL finds it when it verifies.",
  ],
  [/^(indirect|partitioned|delta) lists are not supported$/, "They do not say what a whole list says."],
  [/^nextUpdate is not after thisUpdate$|^the list names no issuer$/, "OpenSSL compares them when it verifies."],
];

/** Complaints of the library about what OpenSSL and we take. */
export const LIBRARY_STRICTER: readonly Difference[] = [
  [
    /^Invalid IPv[46] address/,
    "The library keeps addresses as text. Octets of another count are no address in our comparison either.",
  ],
  [
    /^\[UNIVERSAL \d+\] is reserved by ASN\.1 standard$/,
    "The parameters of a key may have any type when it is read. With parameters that its kind does not have it is not accepted.",
  ],
];

/** Serial numbers of entries, in hex with a sign, that a list of ours does not find. */
export const MATCHES_NONE: readonly Difference[] = [
  [/^-/, "No certificate that is read has a negative number. An entry with one matches none, and voids no list."],
];

/** By the hex of the certificate: where OpenSSL, when it looks at all extensions, finds one invalid. */
export const FOUND_INVALID: readonly Difference[] = [
  [
    /0603551d0f(?:0101ff)?04..03(?:0100|...[0-7]0000)/,
    "A keyUsage of no bits permits nothing here; OpenSSL refuses the certificate that holds it.",
  ],
];

export const isListed = (differences: readonly Difference[], complaint: string): boolean =>
  differences.some(([pattern]) => pattern.test(complaint));
