// The schema of policy.json. The published JSON Schema (policy.schema.json) is generated only from this and from the descriptions
// of the members (cli/policy-descriptions.ts). policy-compiler.ts checks what spans several members, for example that an anchor
// is defined.

import * as v from "valibot";
import { problem } from "./policy-problem.ts";
import { SIGNATURE_SCHEME_NAMES } from "./signature-schemes.ts";
import {
  LARGEST_MAX_BODY_BYTES,
  MAX_CRL_SOURCE_CHARACTERS,
  MAX_INTERMEDIATES,
  MAX_SIGNATURE_SECRETS,
  RESERVED_BINDINGS,
} from "./wire.ts";

const name = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, problem("malformed_name")));
const text = v.pipe(v.string(), v.minLength(1));

const sha256 = v.pipe(
  v.string(),
  v.regex(/^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/, problem("malformed_digest")),
);

const instant = v.pipe(v.string(), v.regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/, problem("malformed_instant")));

const texts = v.pipe(v.array(text), v.minLength(1));

const distinguishedName = v.union([text, v.pipe(v.record(v.string(), v.union([text, texts])), v.minEntries(1))]);

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
        v.check((san) => Object.values(san).some((values) => values !== undefined), problem("empty")),
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
    problem("issuer_alone"),
  ),
);

const CrlSource = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_CRL_SOURCE_CHARACTERS, problem("long_source")),
  v.check(isCrlSource, problem("malformed_source")),
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
    sources: v.pipe(v.array(CrlSource), v.minLength(1)),
    freshness: v.picklist(["require", "prefer"]),
  }),
});

const TrustSchema = v.pipe(
  v.strictObject({
    anchors: v.optional(v.pipe(v.array(name), v.minLength(1))),
    platform: v.optional(v.boolean()),
    maxChainDepth: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_INTERMEDIATES))),
  }),
  v.check(({ anchors, platform }) => anchors !== undefined || platform === true, problem("no_trust")),
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
  v.regex(/^[A-Z][A-Z0-9_]{0,63}$/, problem("malformed_secret")),
  v.check((name) => !RESERVED_BINDINGS.has(name), problem("reserved_secret")),
);
const secretNames = v.pipe(
  v.array(secretName),
  v.minLength(1),
  v.maxLength(MAX_SIGNATURE_SECRETS, problem("many_secrets")),
  v.check((names) => new Set(names).size === names.length, problem("secret_twice")),
);

const SignatureSchema = v.pipe(
  v.strictObject({
    scheme: v.picklist(SIGNATURE_SCHEME_NAMES),
    secrets: v.optional(secretNames),
    accounts: v.optional(v.pipe(v.record(text, secretNames), v.minEntries(1))),
    retired: v.optional(secretNames),
  }),
  v.check(({ secrets, accounts }) => secrets !== undefined || accounts !== undefined, problem("no_secrets")),
  v.check(({ scheme, accounts }) => accounts === undefined || scheme === "docusign", problem("unknown_accounts")),
  v.check(
    ({ secrets = [], accounts = {}, retired = [] }) =>
      !retired.some((name) => [...secrets, ...Object.values(accounts).flat()].includes(name)),
    problem("retired_secret"),
  ),
);

const BasicSchema = v.strictObject({
  username: v.pipe(
    text,
    v.check((name) => !/[:\p{Cc}]/u.test(name), problem("malformed_username")),
  ),
  secret: secretName,
});

const KeySchema = v.union([
  v.strictObject({
    header: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/, problem("malformed_header"))),
  }),
  v.strictObject({
    pointers: v.pipe(
      v.array(v.pipe(v.string(), v.regex(/^(\/([^~/]|~[01])*)+$/, problem("malformed_pointer")))),
      v.minLength(1),
    ),
  }),
]);

const SenderSchema = v.pipe(
  v.strictObject({
    about: v.optional(AboutSchema),
    certificates: v.optional(v.array(CertificateMatcherSchema)),
    trust: v.optional(TrustSchema),
    signature: v.optional(SignatureSchema),
    basic: v.optional(v.union([BasicSchema, v.pipe(v.array(BasicSchema), v.minLength(1))])),
    eventKey: v.optional(KeySchema),
    orderKey: v.optional(KeySchema),
  }),
  v.rawCheck(({ dataset, addIssue }) => {
    const { certificates, trust } = Object(dataset.value);
    if ((certificates === undefined) === (trust === undefined)) return;
    const key = trust === undefined ? "trust" : "certificates";
    addIssue({
      message: problem("missing"),
      path: [{ type: "object", origin: "value", input: Object(dataset.value), key, value: undefined }],
    });
  }),
  v.check(
    ({ certificates, trust, signature }) => [certificates, trust, signature].some((factor) => factor !== undefined),
    problem("no_factor"),
  ),
);

const method = v.pipe(v.string(), v.regex(/^[A-Z]{3,10}$/, problem("malformed_method")));
const headerName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/, problem("malformed_header")));

const RouteSchema = v.strictObject({
  senders: v.pipe(v.array(name), v.minLength(1)),
  methods: v.pipe(v.array(method), v.minLength(1)),
  maxBodyBytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(LARGEST_MAX_BODY_BYTES))),
  headers: v.optional(v.array(headerName)),
  mode: v.optional(v.picklist(["enforce", "observe"])),
  delivery: v.optional(v.picklist(["direct", "queue"])),
  answer: v.optional(v.picklist(["accepted", "handler"])),
  shadow: v.optional(v.pipe(v.array(name), v.minLength(1))),
});

const DenySchema = v.union([
  v.strictObject({ sha256 }),
  v.strictObject({ spkiSha256: sha256 }),
  v.strictObject({
    serial: v.pipe(
      v.string(),
      v.regex(/^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2})*$|^[0-9A-Fa-f]{1,40}$/, problem("malformed_serial")),
    ),
    issuer: text,
  }),
]);

const path = v.pipe(v.string(), v.regex(/^\/[^?#\s\\]*$/, problem("malformed_path")));

export const PolicySchema = v.strictObject({
  $schema: v.optional(v.string()),
  anchors: v.record(name, v.union([text, AnchorSchema])),
  intermediates: v.optional(v.record(name, text)),
  senders: v.pipe(v.record(name, SenderSchema), v.minEntries(1)),
  routes: v.pipe(v.record(path, RouteSchema), v.minEntries(1)),
  deny: v.optional(v.array(DenySchema)),
});

export type PolicyDocument = v.InferOutput<typeof PolicySchema>;
export type SenderDocument = v.InferOutput<typeof SenderSchema>;
export type CertificateMatcherDocument = v.InferOutput<typeof CertificateMatcherSchema>;
