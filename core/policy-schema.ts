// The form of policy.json. The published JSON Schema (policy.schema.json) is generated from this and nothing else.
// Meaning that spans several members (an anchor that is not defined) is checked in policy.ts.

import * as v from "valibot";
import { SIGNATURE_SCHEME_NAMES } from "./signature-schemes.ts";
import {
  DEFAULT_MAX_BODY_BYTES,
  DEFAULT_MAX_CHAIN_DEPTH,
  LARGEST_MAX_BODY_BYTES,
  MAX_CRL_SOURCE_CHARACTERS,
  MAX_INTERMEDIATES,
  MAX_SIGNATURE_SECRETS,
  RESERVED_BINDINGS,
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
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) return false;
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

/** What an operator should know of an entry. Nothing is decided by it. */
const AboutSchema = v.strictObject({
  preset: v.optional(text),
  sources: v.optional(v.array(text)),
  checked: v.optional(instant),
  note: v.optional(text),
});

const secretName = v.pipe(
  v.string(),
  v.regex(/^[A-Z][A-Z0-9_]{0,63}$/, "the name of a secret: capital letters, digits and '_', at most 64"),
  v.check((name) => !RESERVED_BINDINGS.has(name), "is a binding of the edge's own: choose another name"),
);
const secretNames = v.pipe(
  v.array(secretName),
  v.minLength(1, "must name at least one secret"),
  v.maxLength(MAX_SIGNATURE_SECRETS, `at most ${MAX_SIGNATURE_SECRETS} secrets`),
  v.check((names) => new Set(names).size === names.length, "names a secret twice"),
);

const SignatureSchema = v.pipe(
  v.strictObject({
    scheme: v.picklist(SIGNATURE_SCHEME_NAMES),
    secrets: v.optional(
      v.pipe(
        secretNames,
        v.description("Names of the secrets, one of which must have signed: several during rotation."),
      ),
    ),
    accounts: v.optional(
      v.pipe(
        v.record(text, secretNames),
        v.minEntries(1, "must hold at least one account"),
        v.description(
          "Secrets by Docusign account id (X-DocuSign-AccountId); an account that is not listed uses `secrets`.",
        ),
      ),
    ),
    retired: v.optional(
      v.pipe(
        secretNames,
        v.description("Secrets that are no longer accepted: a signature by one is named in the log."),
      ),
    ),
  }),
  v.check(({ secrets, accounts }) => secrets !== undefined || accounts !== undefined, "must hold secrets, or accounts"),
  v.check(({ scheme, accounts }) => accounts === undefined || scheme === "docusign", "only docusign names accounts"),
  v.check(
    ({ secrets = [], accounts = {}, retired = [] }) =>
      !retired.some((name) => [...secrets, ...Object.values(accounts).flat()].includes(name)),
    "a secret is retired and accepted at once",
  ),
  v.description("The signature that every request of this sender must carry. Present means required."),
);

const BasicSchema = v.strictObject({
  username: v.pipe(
    text,
    v.check((name) => !/[:\p{Cc}]/u.test(name), "a user name holds no colon and no control character (RFC 7617)"),
  ),
  secret: v.pipe(secretName, v.description("Name of the secret that is the password.")),
});

const KeySchema = v.union([
  v.strictObject({
    header: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/, "letters, digits and '-', at most 64")),
  }),
  v.strictObject({
    pointers: v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^(\/([^~/]|~[01])*)+$/, "a JSON pointer (RFC 6901)"))),
      v.minLength(1, "must name at least one member"),
    ),
  }),
]);
const EventKeySchema = v.pipe(
  KeySchema,
  v.description("What identifies an event across the sender's retries: a header, or members of a JSON body together."),
);
const OrderKeySchema = v.pipe(
  KeySchema,
  v.description(
    "What events that must be handled one after the other have in common: a header, or members of a JSON body together. Without one there is no order.",
  ),
);

const SenderSchema = v.pipe(
  v.strictObject({
    about: v.optional(AboutSchema),
    certificates: v.optional(
      v.pipe(
        v.array(CertificateMatcherSchema),
        v.description("Accepted certificates; one matching entry is enough. Empty only while every route observes."),
      ),
    ),
    trust: v.optional(v.pipe(TrustSchema, v.description("What proves this sender's certificate."))),
    signature: v.optional(SignatureSchema),
    basic: v.optional(
      v.pipe(
        v.union([BasicSchema, v.pipe(v.array(BasicSchema), v.minLength(1, "must hold at least one credential"))]),
        v.description("HTTP Basic credentials, one of which every request must carry. Present means required."),
      ),
    ),
    eventKey: v.optional(EventKeySchema),
    orderKey: v.optional(OrderKeySchema),
  }),
  v.forward(
    v.partialCheck(
      [["certificates"], ["trust"]],
      ({ certificates, trust }) => certificates === undefined || trust !== undefined,
      "is missing: it says what proves the certificates",
    ),
    ["trust"],
  ),
  v.forward(
    v.partialCheck(
      [["certificates"], ["trust"]],
      ({ certificates, trust }) => trust === undefined || certificates !== undefined,
      "is missing: a CA also certifies others than this sender",
    ),
    ["certificates"],
  ),
  v.check(
    ({ certificates, trust, signature }) => [certificates, trust, signature].some((factor) => factor !== undefined),
    "must require a certificate (certificates and trust) or a signature: Basic alone proves nothing of the body",
  ),
);

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
  mode: v.optional(
    v.pipe(
      v.picklist(["enforce", "observe"]),
      v.description("observe: the same verdicts, and each distinct certificate is recorded. Default enforce."),
    ),
  ),
  delivery: v.optional(
    v.pipe(
      v.picklist(["direct", "queue"]),
      v.description(
        "queue: the edge answers 202 once the event is in its queue, and delivers it until the origin takes it. GET and HEAD ask for an answer and stay direct. Default direct.",
      ),
    ),
  ),
  answer: v.optional(
    v.pipe(
      v.picklist(["accepted", "handler"]),
      v.description(
        "accepted: 202 once the event is stored. handler: what the origin's handler or upstream answers, once its outcome is stored. Default accepted.",
      ),
    ),
  ),
  shadow: v.optional(
    v.pipe(
      v.array(name),
      v.minLength(1, "must name at least one sender"),
      v.description(
        "Senders that would take the place of `senders`: only a different verdict is logged, nothing changes.",
      ),
    ),
  ),
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
export type SenderDocument = v.InferOutput<typeof SenderSchema>;
export type CertificateMatcherDocument = v.InferOutput<typeof CertificateMatcherSchema>;
