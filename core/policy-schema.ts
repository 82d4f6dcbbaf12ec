// The form of policy.json. The published JSON Schema (policy.schema.json) is generated from this and nothing else.
// Meaning that spans several members (an anchor that is not defined) is checked in policy.ts.

import * as v from "valibot";
import {
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_CHAIN_DEPTH,
  LARGEST_MAX_BODY_BYTES,
  MAX_CRL_SOURCE_CHARACTERS,
  MAX_INTERMEDIATES,
} from "./wire.ts";

const name = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name is letters, digits, '.', '_' or '-', at most 64"),
);
const text = v.pipe(v.string(), v.minLength(1, "must not be empty"));

const sha256 = v.pipe(
  v.string(),
  v.regex(/^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/, "64 hex digits, with or without colons"),
  v.description("SHA-256 in hex, with or without colons, in any case."),
);

const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/, "YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"),
  v.description("A day (its first instant in UTC) or an instant in UTC."),
);

const texts = v.pipe(v.array(text), v.minLength(1, "must not be empty"));

const distinguishedName = v.pipe(
  v.union([
    text,
    v.pipe(
      v.record(v.string(), v.union([text, texts])),
      v.check((attributes) => Object.keys(attributes).length > 0, "must name at least one attribute"),
      v.minEntries(1),
    ),
  ]),
  v.description(
    "RFC 4514 text, which must be the whole name; or attributes, each of which the name must hold with exactly this value (a list: exactly these values in this order).",
  ),
);

export const CertificateMatcherSchema = v.pipe(
  v.strictObject({
    subject: v.optional(distinguishedName),
    issuer: v.optional(distinguishedName),
    san: v.optional(
      v.pipe(
        v.strictObject({
          dns: v.optional(texts),
          email: v.optional(texts),
          uri: v.optional(texts),
          ip: v.optional(texts),
        }),
        v.check((san) => Object.values(san).some((values) => values !== undefined), "must name at least one kind"),
        v.description(
          "Subject alternative names by kind; the certificate must hold every one listed. A `*` is a literal.",
        ),
      ),
    ),
    sha256: v.optional(v.pipe(sha256, v.description("SHA-256 of the certificate's DER."))),
    spkiSha256: v.optional(v.pipe(sha256, v.description("SHA-256 of the DER of its SubjectPublicKeyInfo."))),
    from: v.optional(v.pipe(instant, v.description("Accepted from this instant on."))),
    until: v.optional(v.pipe(instant, v.description("No longer accepted from this instant on."))),
  }),
  v.check(
    ({ subject, san, sha256: whole, spkiSha256 }) =>
      [subject, san, whole, spkiSha256].some((member) => member !== undefined),
    "must hold subject, san, sha256 or spkiSha256: an issuer alone admits everyone it ever certified",
  ),
  v.description("One accepted certificate. Every member must match."),
);

const CrlSource = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(MAX_CRL_SOURCE_CHARACTERS, `at most ${MAX_CRL_SOURCE_CHARACTERS} characters`),
  v.check(isCrlSource, "an http:// or https:// URL without user, password and fragment, or the path of a file"),
);

/** A path is what does not look like a URL of any kind. */
function isCrlSource(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(text)) return false;
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) return true;
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.hash === "";
}

const AnchorSchema = v.strictObject({
  certificate: v.pipe(text, v.description("The CA certificate, in PEM.")),
  crls: v.pipe(
    v.strictObject({
      sources: v.pipe(
        v.array(CrlSource),
        v.minLength(1, "must not be empty"),
        v.description("URLs of the revocation lists of this CA and of every CA below it; at an origin also files."),
      ),
      freshness: v.pipe(
        v.picklist(["require", "prefer"]),
        v.description(
          "require: without a current list nothing is proven. prefer: a list that is missing or outdated is only logged.",
        ),
      ),
    }),
    v.description("Looks up every certificate below this anchor."),
  ),
});

const TrustSchema = v.pipe(
  v.strictObject({
    anchors: v.optional(
      v.pipe(
        v.array(name),
        v.minLength(1, "must not be empty"),
        v.description(
          "Names of CA certificates in `anchors`; the path to one of them is validated by Countersign itself.",
        ),
      ),
    ),
    platform: v.optional(v.pipe(v.boolean(), v.description("Whether Cloudflare's own verdict must be SUCCESS."))),
    maxChainDepth: v.optional(
      v.pipe(
        v.number(),
        v.integer(),
        v.minValue(1),
        v.maxValue(MAX_INTERMEDIATES),
        v.description(
          `CA certificates on the path, the anchor included (Apache's SSLVerifyDepth). Default ${DEFAULT_MAX_CHAIN_DEPTH}.`,
        ),
      ),
    ),
  }),
  v.check(
    ({ anchors, platform }) => anchors !== undefined || platform === true,
    "must hold anchors, or platform: true, or both",
  ),
);

const SenderSchema = v.strictObject({
  certificates: v.pipe(
    v.array(CertificateMatcherSchema),
    v.minLength(1, "must hold at least one matcher: a CA also certifies others than this sender"),
    v.description("Accepted certificates; one matching entry is enough."),
  ),
  trust: v.pipe(TrustSchema, v.description("What proves this sender's certificate.")),
});

const method = v.pipe(v.string(), v.regex(/^[A-Z]{3,10}$/, "an upper-case HTTP method"));
const headerName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/, "letters, digits and '-', at most 64"));

const RouteSchema = v.strictObject({
  senders: v.pipe(v.array(name), v.minLength(1, "must name at least one sender")),
  methods: v.pipe(v.array(method), v.minLength(1, "must name at least one method")),
  maxBodyBytes: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(0),
      v.maxValue(LARGEST_MAX_BODY_BYTES),
      v.description(`Default ${DEFAULT_MAX_BODY_BYTES}.`),
    ),
  ),
  headers: v.optional(
    v.pipe(
      v.array(headerName),
      v.description("Further request headers to forward, for example a sender's signature. All others are dropped."),
    ),
  ),
  mode: v.optional(v.picklist(["enforce"])),
});

const DenySchema = v.pipe(
  v.union([
    v.strictObject({ sha256 }),
    v.strictObject({ spkiSha256: sha256 }),
    v.strictObject({
      serial: v.pipe(
        v.string(),
        v.regex(/^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2})*$|^[0-9A-Fa-f]{1,40}$/, "hex digits, with or without colons"),
      ),
      issuer: v.pipe(text, v.description("RFC 4514 text of the issuer's name.")),
    }),
  ]),
  v.description(
    "A certificate, a key, or a serial number of one issuer. Applies to senders and to every CA on a path.",
  ),
);

const path = v.pipe(v.string(), v.regex(/^\/[^?#\s\\]*$/, "an absolute path, exact or ending in /*"));

export const PolicySchema = v.strictObject({
  $schema: v.optional(v.string()),
  anchors: v.pipe(v.record(name, v.union([text, AnchorSchema])), v.description("CA certificates by name, in PEM.")),
  senders: v.pipe(v.record(name, SenderSchema), v.minEntries(1, "must hold at least one sender")),
  routes: v.pipe(
    v.record(path, RouteSchema),
    v.minEntries(1, "must hold at least one route"),
    v.description("By exact path, or by prefix ending in /*; the longest wins, anything else is not found."),
  ),
  deny: v.optional(v.array(DenySchema)),
});

export type PolicyDocument = v.InferOutput<typeof PolicySchema>;
export type CertificateMatcherDocument = v.InferOutput<typeof CertificateMatcherSchema>;
