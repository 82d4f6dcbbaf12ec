// Lists the differences between our reader and the other readers, each with the reason why it is allowed. Any other difference
// fails the differential test.

type Difference = readonly [complaint: RegExp, reason: string];

/** Our complaints about inputs that OpenSSL accepts when it reads a certificate or a revocation list. */
export const STRICTER: readonly Difference[] = [
  [
    /^extension \S+: /,
    "OpenSSL reads the value of an extension only when it verifies a path. It never reads many values.",
  ],
  [/^extension \S+ is repeated$/, "OpenSSL reports this when it verifies (RFC 5280 §4.2)."],
  [/^an extension of an entry is repeated$/, "OpenSSL uses the first one."],
  [/^bytes follow the value$/, "OpenSSL reads one value, and ignores bytes after it."],
  [/^not DER: a length is (padded|indefinite or cut short)$/, "OpenSSL accepts lengths in BER."],
  [/^not DER: a value is in the wrong form for its type$/, "OpenSSL joins the parts of constructed texts."],
  [
    /^not DER: a value is (missing or )?cut short$|^not DER: an empty type|^not DER: a type of more than one octet$/,
    "OpenSSL does not read values that may be of any type (parameters, SEQUENCEs in names). It reads keys later.",
  ],
  [
    /^a value (is missing or of another type|has more members than its type)$/,
    "The same reason, for keys and parameters.",
  ],
  [
    /^an? (BOOLEAN|BIT STRING|NULL|OID|INTEGER) /,
    "OpenSSL accepts some contents in BER, and does not read contents that it does not use.",
  ],
  [/^a time is (malformed|missing or of another type)$/, "OpenSSL keeps a time as text until it compares the time."],
  [
    /^an ASCII string type holds|^a NumericString holds|^a text (is not UTF-8|ends within|holds)/,
    "OpenSSL keeps texts that it does not use as octets.",
  ],
  [
    /^a name holds a control character$/,
    "In a log on a terminal, a control character could make a name look like another name.",
  ],
  [/^a name holds a value of another type$/, "OpenSSL accepts types that it does not know."],
  [
    /^not an X\.509 v3 certificate$|^not a v2 list$/,
    "Only the versions of RFC 5280 are read. OpenSSL also accepts older versions.",
  ],
  [/^the two signature algorithms differ$/, "OpenSSL compares them when it verifies (RFC 5280 §4.1.1.2)."],
  [
    /^the encoding is not DER$/,
    "OpenSSL gives the certificate back with other octets, for example without the content of a constructed [UNIVERSAL 29].",
  ],
  [/^the serial number is over 20 octets$/, "RFC 5280 §4.1.2.2."],
  [/^error:[0-9A-F]+:/, "OpenSSL itself complains about the key, but only when the key is requested."],
  [/^the curve of the key is not named$/, "RFC 5480 §2.1.1. OpenSSL reports this when it verifies."],
  [
    /^the signature algorithm \S+ is not accepted$/,
    "For lists: a signature with this algorithm is never accepted, so it is not verified.",
  ],
  [
    /^critical extension \S+ is not understood$|^a critical extension of an entry is not understood$/,
    "OpenSSL reports this when it verifies.",
  ],
  [/^(indirect|restricted|delta) lists are not supported$/, "Such a list is not the complete list of one issuer."],
  [/^nextUpdate is not after thisUpdate$|^the list names no issuer$/, "OpenSSL compares them when it verifies."],
];

/** Complaints of the library @peculiar/asn1-x509 about inputs that OpenSSL and our reader accept. */
export const LIBRARY_STRICTER: readonly Difference[] = [
  [
    /^Invalid IPv[46] address/,
    "The library keeps addresses as text, so it refuses octets of another length. Our comparison ignores such addresses.",
  ],
  [
    /^\[UNIVERSAL \d+\] is reserved by ASN\.1 standard$/,
    "Our reader reads key parameters of any type. A key with the wrong parameters is refused later.",
  ],
];

/**
 * Patterns for serial numbers in hex. A negative number has a minus sign. If a revocation list has an entry with a matching serial
 * number, our reader accepts the list, but never finds this entry.
 */
export const MATCHES_NONE: readonly Difference[] = [
  [
    /^-/,
    "Our reader refuses certificates with a negative number. So an entry with one matches no certificate, and the list stays valid.",
  ],
];

/** Patterns for certificates in hex. When OpenSSL checks all extensions of a matching certificate, it finds an invalid one. */
export const FOUND_INVALID: readonly Difference[] = [
  [
    /0603551d0f(?:0101ff)?04..03(?:0100|...[0-7]0000)/,
    "In our reader, a keyUsage without bits permits nothing. OpenSSL refuses such a certificate.",
  ],
];

export const isListed = (differences: readonly Difference[], complaint: string): boolean =>
  differences.some(([pattern]) => pattern.test(complaint));
