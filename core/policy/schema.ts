// Defines the schema of policy.json. The published JSON Schema (policy.schema.json) is generated only from this file and from the
// descriptions of the members (cli/policy/descriptions.ts). compile.ts checks rules that concern several members, for example that
// an anchor is defined.

import {
  boolean,
  check,
  either,
  list,
  maxLength,
  notEmpty,
  type OutputOf,
  object,
  oneOf,
  optional,
  record,
  regex,
  someMember,
  string,
  together,
  whole,
} from "../form.ts";
import { HANDSHAKE_SCHEME_NAMES, HANDSHAKE_SCHEMES } from "../handshake/schemes.ts";
import { SIGNATURE_SCHEME_NAMES } from "../signature/schemes.ts";
import {
  LARGEST_MAX_BODY_BYTES,
  MAX_CRL_SOURCE_CHARACTERS,
  MAX_INTERMEDIATES,
  MAX_SIGNATURE_SECRETS,
  RESERVED_BINDINGS,
} from "../wire.ts";
import { problem } from "./problem.ts";

const name = string(regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, problem("malformed_name")));
const text = string(notEmpty());

const sha256 = string(regex(/^([0-9A-Fa-f]{64}|[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/, problem("malformed_digest")));

const instant = string(regex(/^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}:\d{2}Z)?$/, problem("malformed_instant")));

const texts = list(text, notEmpty());

const distinguishedName = either(text, record(string(), either(text, texts), someMember));

export const CertificateMatcherSchema = object(
  {
    subject: optional(distinguishedName),
    issuer: optional(distinguishedName),
    san: optional(
      object(
        { dns: optional(texts), email: optional(texts), uri: optional(texts), ip: optional(texts) },
        check((san) => Object.values(san).some((values) => values !== undefined), problem("empty")),
      ),
    ),
    sha256: optional(sha256),
    spkiSha256: optional(sha256),
    from: optional(instant),
    until: optional(instant),
  },
  check(
    ({ subject, san, sha256: digest, spkiSha256 }) =>
      [subject, san, digest, spkiSha256].some((member) => member !== undefined),
    problem("issuer_alone"),
  ),
);

const CrlSource = string(
  notEmpty(),
  maxLength(MAX_CRL_SOURCE_CHARACTERS, problem("long_source")),
  check(isCrlSource, problem("malformed_source")),
);

/**
 * Returns true for the path of a file, and for an HTTP or HTTPS URL without user, password and fragment. A text without a scheme is
 * the path of a file.
 */
function isCrlSource(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) return false;
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:/.test(text)) return true;
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username + url.password + url.hash === "";
}

const AnchorSchema = object({
  certificate: text,
  crls: object({ sources: list(CrlSource, notEmpty()), freshness: oneOf(["require", "prefer"]) }),
});

const TrustSchema = object(
  {
    anchors: optional(list(name, notEmpty())),
    platform: optional(boolean()),
    maxChainDepth: optional(whole(1, MAX_INTERMEDIATES)),
  },
  check(({ anchors, platform }) => anchors !== undefined || platform === true, problem("no_trust")),
);

/** Notes for the operator. They have no effect on any decision. */
const AboutSchema = object({
  preset: optional(text),
  sources: optional(list(text)),
  checked: optional(instant),
  note: optional(text),
});

const secretName = string(
  regex(/^[A-Z][A-Z0-9_]{0,63}$/, problem("malformed_secret")),
  check((secret) => !RESERVED_BINDINGS.has(secret), problem("reserved_secret")),
);
const secretNames = list(
  secretName,
  notEmpty(),
  maxLength(MAX_SIGNATURE_SECRETS, problem("many_secrets")),
  check((names) => new Set(names).size === names.length, problem("secret_twice")),
);

const SignatureSchema = object(
  {
    scheme: oneOf(SIGNATURE_SCHEME_NAMES),
    secrets: optional(secretNames),
    accounts: optional(record(text, secretNames, someMember)),
    retired: optional(secretNames),
  },
  check(({ secrets, accounts }) => secrets !== undefined || accounts !== undefined, problem("no_secrets")),
  check(({ scheme, accounts }) => accounts === undefined || scheme === "docusign", problem("unknown_accounts")),
  check(
    ({ secrets = [], accounts = {}, retired = [] }) =>
      !retired.some((secret) => [...secrets, ...Object.values(accounts).flat()].includes(secret)),
    problem("retired_secret"),
  ),
);

const BasicSchema = object({
  username: string(
    notEmpty(),
    check((user) => !/[:\p{Cc}]/u.test(user), problem("malformed_username")),
  ),
  secret: secretName,
});

const HandshakeSchema = object(
  { scheme: oneOf(HANDSHAKE_SCHEME_NAMES), secret: optional(secretName), until: optional(instant) },
  check(
    ({ scheme, secret }) => (secret !== undefined) === (HANDSHAKE_SCHEMES[scheme].hasSecret === true),
    problem("handshake_secret"),
  ),
  check(
    ({ scheme, until }) => (until !== undefined) === (HANDSHAKE_SCHEMES[scheme].hasEnd === true),
    problem("handshake_end"),
  ),
);

const headerName = string(regex(/^[A-Za-z0-9-]{1,64}$/, problem("malformed_header")));

const pointer = string(regex(/^(\/([^~/]|~[01])*)+$/, problem("malformed_pointer")));

const KeySchema = either(object({ header: headerName }), object({ pointers: list(pointer, notEmpty()) }));

const TokenSchema = object(
  { header: optional(headerName), pointer: optional(pointer), secrets: secretNames },
  check(({ header, pointer }) => (header !== undefined) === (pointer === undefined), problem("token_place")),
);

const BodySchema = object({ pointer, in: list(text, notEmpty()) });

const SenderSchema = object(
  {
    about: optional(AboutSchema),
    certificates: optional(list(CertificateMatcherSchema)),
    trust: optional(TrustSchema),
    signature: optional(SignatureSchema),
    basic: optional(either(BasicSchema, list(BasicSchema, notEmpty()))),
    token: optional(TokenSchema),
    handshake: optional(HandshakeSchema),
    body: optional(list(BodySchema, notEmpty())),
    eventKey: optional(KeySchema),
    orderKey: optional(KeySchema),
    refusal: optional(oneOf(["final", "retry", "retry-429"])),
  },
  together("certificates", "trust"),
  check(
    ({ certificates, trust, signature, token }) =>
      [certificates, trust, signature, token].some((factor) => factor !== undefined),
    problem("no_factor"),
  ),
  check(
    ({ handshake, signature }) =>
      handshake === undefined ||
      HANDSHAKE_SCHEMES[handshake.scheme].proof !== "signature" ||
      handshake.scheme === signature?.scheme,
    problem("handshake_unsigned"),
  ),
);

const method = string(regex(/^[A-Z]{3,10}$/, problem("malformed_method")));

const AcknowledgementSchema = object({
  status: whole(200, 299),
  type: optional(oneOf(["text/plain", "text/xml", "application/json"])),
  body: optional(string()),
});

const RouteSchema = object({
  senders: list(name, notEmpty()),
  methods: list(method, notEmpty()),
  maxBodyBytes: optional(whole(0, LARGEST_MAX_BODY_BYTES)),
  headers: optional(list(headerName)),
  mode: optional(oneOf(["enforce", "observe"])),
  delivery: optional(oneOf(["direct", "queue"])),
  answer: optional(either(oneOf(["accepted", "handler"]), AcknowledgementSchema)),
  shadow: optional(list(name, notEmpty())),
});

const DenySchema = either(
  object({ sha256 }),
  object({ spkiSha256: sha256 }),
  object({
    serial: string(regex(/^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2})*$|^[0-9A-Fa-f]{1,40}$/, problem("malformed_serial"))),
    issuer: text,
  }),
);

/** The path of a route, with an optional host before it. compile.ts checks the spelling of both. */
const path = string(regex(/^(?![A-Za-z]+:\/)[^/?#\s\\@*%]*\/[^?#\s\\]*$/, problem("malformed_path")));

export const PolicySchema = object({
  $schema: optional(string()),
  anchors: record(name, either(text, AnchorSchema)),
  intermediates: optional(record(name, text)),
  senders: record(name, SenderSchema, someMember),
  routes: record(path, RouteSchema, someMember),
  deny: optional(list(DenySchema)),
});

export type PolicyDocument = OutputOf<typeof PolicySchema>;
export type SenderDocument = OutputOf<typeof SenderSchema>;
export type CertificateMatcherDocument = OutputOf<typeof CertificateMatcherSchema>;
