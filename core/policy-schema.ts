// The schema of policy.json. The published JSON Schema (policy.schema.json) is generated only from this and from the descriptions
// of the members (cli/policy-descriptions.ts). policy-compiler.ts checks what spans several members, for example that an anchor
// is defined.

import * as v from "valibot";
import { SIGNATURE_SCHEME_NAMES } from "./signature-schemes.ts";
import {
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
);

const instant = v.pipe(
  v.string(),
  v.regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/, "YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ"),
);

const texts = v.pipe(v.array(text), v.minLength(1, "must not be empty"));

const distinguishedName = v.union([
  text,
  v.pipe(
    v.record(v.string(), v.union([text, texts])),
    v.check((attributes) => Object.keys(attributes).length > 0, "must name at least one attribute"),
    v.minEntries(1),
  ),
]);

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
      ),
    ),
    sha256: v.optional(sha256),
    spkiSha256: v.optional(sha256),
    from: v.optional(instant),
    until: v.optional(instant),
  }),
  v.check(
    ({ subject, san, sha256: whole, spkiSha256 }) =>
      [subject, san, whole, spkiSha256].some((member) => member !== undefined),
    "must hold subject, san, sha256 or spkiSha256: an issuer alone admits everyone it ever certified",
  ),
);

const CrlSource = v.pipe(
  v.string(),
  v.minLength(1, "must not be empty"),
  v.maxLength(MAX_CRL_SOURCE_CHARACTERS, `at most ${MAX_CRL_SOURCE_CHARACTERS} characters`),
  v.check(isCrlSource, "an http:// or https:// URL without user, password and fragment, or the path of a file"),
);

/** A text that does not look like a URL is a path. */
function isCrlSource(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) return false;
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) return true;
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.hash === "";
}

const AnchorSchema = v.strictObject({
  certificate: text,
  crls: v.strictObject({
    sources: v.pipe(v.array(CrlSource), v.minLength(1, "must not be empty")),
    freshness: v.picklist(["require", "prefer"]),
  }),
});

const TrustSchema = v.pipe(
  v.strictObject({
    anchors: v.optional(v.pipe(v.array(name), v.minLength(1, "must not be empty"))),
    platform: v.optional(v.boolean()),
    maxChainDepth: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_INTERMEDIATES))),
  }),
  v.check(
    ({ anchors, platform }) => anchors !== undefined || platform === true,
    "must hold anchors, or platform: true, or both",
  ),
);

/** Notes for the operator. They decide nothing. */
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
    secrets: v.optional(secretNames),
    accounts: v.optional(v.pipe(v.record(text, secretNames), v.minEntries(1, "must hold at least one account"))),
    retired: v.optional(secretNames),
  }),
  v.check(({ secrets, accounts }) => secrets !== undefined || accounts !== undefined, "must hold secrets, or accounts"),
  v.check(({ scheme, accounts }) => accounts === undefined || scheme === "docusign", "only docusign names accounts"),
  v.check(
    ({ secrets = [], accounts = {}, retired = [] }) =>
      !retired.some((name) => [...secrets, ...Object.values(accounts).flat()].includes(name)),
    "a secret is retired and accepted at once",
  ),
);

const BasicSchema = v.strictObject({
  username: v.pipe(
    text,
    v.check((name) => !/[:\p{Cc}]/u.test(name), "a user name holds no colon and no control character (RFC 7617)"),
  ),
  secret: secretName,
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

const SenderSchema = v.pipe(
  v.strictObject({
    about: v.optional(AboutSchema),
    certificates: v.optional(v.array(CertificateMatcherSchema)),
    trust: v.optional(TrustSchema),
    signature: v.optional(SignatureSchema),
    basic: v.optional(
      v.union([BasicSchema, v.pipe(v.array(BasicSchema), v.minLength(1, "must hold at least one credential"))]),
    ),
    eventKey: v.optional(KeySchema),
    orderKey: v.optional(KeySchema),
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
  maxBodyBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_MAX_BODY_BYTES))),
  headers: v.optional(v.array(headerName)),
  mode: v.optional(v.picklist(["enforce", "observe"])),
  delivery: v.optional(v.picklist(["direct", "queue"])),
  answer: v.optional(v.picklist(["accepted", "handler"])),
  shadow: v.optional(v.pipe(v.array(name), v.minLength(1, "must name at least one sender"))),
});

const DenySchema = v.union([
  v.strictObject({ sha256 }),
  v.strictObject({ spkiSha256: sha256 }),
  v.strictObject({
    serial: v.pipe(
      v.string(),
      v.regex(/^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2})*$|^[0-9A-Fa-f]{1,40}$/, "hex digits, with or without colons"),
    ),
    issuer: text,
  }),
]);

const path = v.pipe(v.string(), v.regex(/^\/[^?#\s\\]*$/, "an absolute path, exact or ending in /*"));

export const PolicySchema = v.strictObject({
  $schema: v.optional(v.string()),
  anchors: v.record(name, v.union([text, AnchorSchema])),
  senders: v.pipe(v.record(name, SenderSchema), v.minEntries(1, "must hold at least one sender")),
  routes: v.pipe(v.record(path, RouteSchema), v.minEntries(1, "must hold at least one route")),
  deny: v.optional(v.array(DenySchema)),
});

export type PolicyDocument = v.InferOutput<typeof PolicySchema>;
export type SenderDocument = v.InferOutput<typeof SenderSchema>;
export type CertificateMatcherDocument = v.InferOutput<typeof CertificateMatcherSchema>;
