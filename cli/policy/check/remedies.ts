// The remedies for the problems that the schema and the compiler find. core/policy/words.ts has the texts of the problems. The
// remedies are not in core, because only the command line shows them.

import { formatPointer, type Place, parsePointer } from "../../../core/configuration-error.ts";
import type { PolicyProblem } from "../../../core/policy/problem.ts";
import type { PolicyDocument, SenderDocument } from "../../../core/policy/schema.ts";
import { type PolicyProblemCode, wordsOf } from "../../../core/policy/words.ts";
import type { Finding } from "./finding.ts";
import { membersAt } from "./members.ts";

type Remedy = string | ((at: Place) => string);

const WRITE_CA = "put the certificate of the CA there, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
const WRITE_CAS = 'write an object, which may be empty if no CA is needed: { "NAME": "-----BEGIN CERTIFICATE-----…" }';
const COPY_CA = "copy the CA certificate again, in PEM; openssl x509 -in ca.pem shows whether it is complete";
const ASK_CA = "ask the operator of the CA for the certificate of its current key";
const ONE_OF_THEM = "remove one of them";
const COPY_DIGEST = "copy the digest: openssl x509 -in client.pem -noout -fingerprint -sha256";
const COPY_KEY_DIGEST =
  "copy the digest of the key: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256";
const WRITE_INSTANT = "write an existing date or time, for example 2027-03-01 or 2027-03-01T12:00:00Z";
const WRITE_PATH =
  "write a path without query and spaces, for example /hooks/acme, or /hooks/* for all paths below /hooks";

/** Says for each place which value to write there. A place without a row has the text of the enclosing place. */
const FORMS = {
  "/": 'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }',
  "/$schema": 'write "./node_modules/countersign/policy.schema.json", or remove it',
  "/anchors": WRITE_CAS,
  "/anchors/*": COPY_CA,
  "/anchors/*/crls": 'write { "sources": ["http://…"], "freshness": "require" } (or "prefer")',
  "/anchors/*/crls/sources": "give the URL at which the CA publishes its list, or a path from the policy's directory",
  "/intermediates": WRITE_CAS,
  "/intermediates/*": COPY_CA,
  "/senders": 'write at least one, for example { "NAME": { "certificates": […], "trust": {…} } }',
  "/senders/*": "give the sender certificates and trust, a signature, or both",
  "/senders/*/about": "write a text, or remove this note",
  "/senders/*/certificates": 'write a list of entries, for example [{ "subject": { "CN": "…" } }]',
  "/senders/*/certificates/*":
    'write { "subject": { "CN": "…" } }; countersign policy add --sender NAME --certificate FILE writes the entry of a file',
  "/senders/*/certificates/*/subject": "write the value as the certificate has it, or remove the member",
  "/senders/*/certificates/*/issuer": "write the value as the certificate has it, or remove the member",
  "/senders/*/certificates/*/san": "write the value as the certificate has it, or remove the member",
  "/senders/*/certificates/*/sha256": COPY_DIGEST,
  "/senders/*/certificates/*/spkiSha256": COPY_KEY_DIGEST,
  "/senders/*/certificates/*/from": WRITE_INSTANT,
  "/senders/*/certificates/*/until": WRITE_INSTANT,
  "/senders/*/trust":
    'write { "anchors": ["NAME OF A CA IN /anchors"] }, or { "platform": true } for Cloudflare\'s verdict',
  "/senders/*/trust/maxChainDepth": "write a whole number from 1 to 10, or remove it",
  "/senders/*/signature":
    'write the names of the secrets, not the secrets themselves, for example { "scheme": "…", "secrets": ["ACME_SIGNING_KEY"] }',
  "/senders/*/signature/scheme": "write the scheme by which the sender signs",
  "/senders/*/basic": 'write { "username": "…", "secret": "NAME_OF_THE_SECRET" }',
  "/senders/*/token":
    'write { "header": "X-Acme-Token", "secrets": ["ACME_TOKEN"] }, or { "pointer": "/state", "secrets": ["ACME_TOKEN"] }',
  "/senders/*/handshake": 'write { "scheme": "meta", "secret": "META_VERIFY_TOKEN" }, or { "scheme": "slack" }',
  "/senders/*/handshake/until": WRITE_INSTANT,
  "/senders/*/body": 'write [{ "pointer": "/data/accountId", "in": ["YOUR ACCOUNT"] }]',
  "/senders/*/eventKey": 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }',
  "/senders/*/orderKey": 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }',
  "/senders/*/refusal": "write final, retry or retry-429",
  "/routes": 'write at least one, for example { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }',
  "/routes/*": 'write { "senders": ["NAME"], "methods": ["POST"] }',
  "/routes/*/senders": 'write names of senders, for example ["NAME"]',
  "/routes/*/shadow": 'write names of senders, for example ["NAME"]',
  "/routes/*/methods": 'list the methods in capital letters, for example ["POST"]',
  "/routes/*/maxBodyBytes": "write a whole number of bytes, at most 52428800 (50 MiB), or remove it",
  "/routes/*/headers": 'write names of headers, for example ["X-Signature"]',
  "/routes/*/mode": "write enforce or observe, or remove it; to try senders, list them in shadow",
  "/routes/*/delivery": "write direct or queue, or remove it",
  "/routes/*/answer": "write accepted or handler, or remove it",
  "/deny": "write one of sha256, spkiSha256, or serial with issuer",
  "/deny/*/sha256": COPY_DIGEST,
  "/deny/*/spkiSha256": COPY_KEY_DIGEST,
  "/deny/*/serial": "copy the number: openssl x509 -in client.pem -noout -serial",
  "/deny/*/issuer": "copy the issuer: openssl x509 -in client.pem -noout -issuer -nameopt RFC2253",
} satisfies Readonly<Record<FormPlace, string>> & Readonly<Record<string, string>>;

/** The places that must have a row in FORMS. If a new member has no row, this file does not compile. */
type FormPlace =
  | `/${keyof PolicyDocument}`
  | `/senders/*/${keyof SenderDocument}`
  | `/routes/*/${keyof PolicyDocument["routes"][string]}`;

/** The remedy for each code. If a code has no remedy, this file does not compile. */
const REMEDIES: Readonly<Record<PolicyProblemCode, Remedy>> = {
  unknown_member: nameKnown,
  reserved_name: (at) => `${nameKnown(at)}: every JavaScript object has a member with this name`,
  missing: addMissing,
  wrong_kind: formOf,
  empty: formOf,
  malformed_name: ([, , member]) =>
    member === "trust"
      ? "add the CA certificate to /anchors under a new name, and write that name here"
      : "choose another name, and write it here and wherever the name is used",
  unknown_anchor: "add it to /anchors, or correct the name",
  unknown_sender: "add it to /senders, or correct the name",
  listed_twice: ONE_OF_THEM,

  not_one_certificate: WRITE_CA,
  malformed_certificate: formOf,
  not_ca: WRITE_CA,
  may_not_sign: ASK_CA,
  no_subject: ASK_CA,
  weak_key: ASK_CA,
  unmatchable_key: ASK_CA,
  malformed_source: formOf,
  long_source: formOf,
  source_is_file: "give the URL of the list, or leave crls out on the edge",

  no_factor: "give the sender certificates and trust, a signature, or a token: Basic alone is not enough",
  no_trust: formOf,
  no_matcher:
    "add the sender's certificate, for example by countersign policy add: the CA also issues certificates to others",
  issuer_alone:
    "add a value that identifies the sender, or remove the entry: with an issuer alone, it accepts every certificate of that issuer",
  malformed_digest: formOf,
  malformed_instant: WRITE_INSTANT,
  no_date: WRITE_INSTANT,
  no_window: "write an until that is later than from, or remove one of them",
  unknown_attribute: "write a short name, for example CN, O, OU or C, or an OID, for example 2.5.4.3",
  malformed_dn: ([section]) =>
    section === "deny"
      ? FORMS["/deny/*/issuer"]
      : "copy the name: openssl x509 -in client.pem -noout -subject -issuer -nameopt RFC2253",
  malformed_ip: "write one address without a prefix length or a zone",

  malformed_secret:
    "write the name of the variable that contains the secret, for example ACME_SIGNING_KEY; if this is the secret itself, replace the secret, because this file is not secret",
  reserved_secret: "rename the secret",
  many_secrets: "remove the secrets that no longer sign",
  secret_twice: ONE_OF_THEM,
  retired_secret: "remove it from retired, or from secrets and accounts",
  unknown_accounts: "move the secrets of the accounts to secrets",
  no_secrets: formOf,
  handshake_secret: "add secret, which names the token or key of the handshake, or remove it",
  handshake_end: "add until, the time until which challenges are answered, or remove it",
  handshake_unsigned: "add a signature whose scheme has the name of the handshake, or remove the handshake",
  handshake_signs: "name a secret that signs no events, or remove the handshake",
  token_place: "name the header with the token, or the pointer to it in the JSON body",
  malformed_username: "write the user name alone: the password is a secret, whose name goes into secret",
  malformed_pointer: formOf,
  malformed_header: formOf,
  not_forwarded: ([section]) =>
    section === "routes"
      ? "remove it: the header contains a credential, or belongs to a single connection"
      : "name another header, or pointers into the body",

  taken_header:
    "name a header that holds the token alone: Authorization if the sender has no basic, or a separate header, for example X-Acme-Token",

  malformed_path: ([, path]) =>
    /^https?:/.test(String(path))
      ? "write the path alone, for example /hooks/acme, or host and path, for example hooks.acme.example/events: a policy contains no scheme"
      : WRITE_PATH,
  star_within: WRITE_PATH,
  host_spelling: "rename the route so",
  path_taken: "choose another path",
  path_spelling: ([, path]) =>
    /\{[^}]*\}/.test(String(path))
      ? "write /hooks/* for all paths below it: a path in a policy has no parameters"
      : "rename the route so",
  path_refused:
    "write letters, digits and signs without escapes, other escapes in upper case, and one / between segments",
  malformed_method: formOf,
  queued_answer: "remove answer, or remove delivery",
  queued_order: "remove delivery, or the sender's orderKey",

  malformed_serial: formOf,
};

/** Adds the remedy to the problem. */
export function toFinding({ at, code, detail }: PolicyProblem): Finding {
  const remedy = REMEDIES[code];
  return {
    pointer: formatPointer(at),
    problem: wordsOf({ code, detail }),
    remedy: typeof remedy === "string" ? remedy : remedy(at),
    severity: "error",
    cause: "policy",
    code,
  };
}

function formOf(at: Place): string {
  const forms: Readonly<Record<string, string>> = FORMS;
  return forms[patternOf(at)] ?? formOf(at.slice(0, -1));
}

/** Returns the pattern of a place, in which `*` replaces the name of a part and each index of a list. */
function patternOf(at: Place): string {
  return `/${at.map((member, index) => (index === 1 || typeof member === "number" ? "*" : member)).join("/")}`;
}

/** The remedies for missing members for which the text "add it" is not enough. */
const MISSING: Readonly<Record<string, string>> = {
  "/anchors/*/crls": "add crls, or write only the certificate, as a text",
  "/senders/*/trust": `${FORMS["/senders/*/trust"]}: it says what proves the certificates`,
  "/senders/*/certificates":
    'list the sender\'s certificates, for example [{ "subject": { "CN": "…" } }]: the CA also issues certificates to others',
};

function addMissing(at: Place): string {
  return MISSING[patternOf(at)] ?? (at[0] === "anchors" && at.length > 1 ? formOf(at) : "add it");
}

function nameKnown(at: Place): string {
  const known = membersAt(at.slice(0, -1).map(String));
  if (known.length === 0) return "remove it, or choose another name";
  const meant = known.find((name) => isMeant(String(at.at(-1)), name));
  return meant === undefined
    ? `remove it, or write one of ${known.join(", ")}`
    : `write ${meant} instead, or remove it${meant.startsWith("secret") ? ": it contains names of secrets, never the secrets themselves" : ""}`;
}

/** Returns true if the names differ only in letter case, separators or a plural s, or if the written name is a synonym. */
function isMeant(written: string, known: string): boolean {
  const [a, b] = [written, known].map((name) => name.toLowerCase().replace(/[-_\s]/g, ""));
  return a === b || a === `${b}s` || `${a}s` === b || SYNONYMS[known]?.includes(a ?? "") === true;
}

const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  username: ["user", "name", "login"],
  body: ["tenant", "tenants", "bodymatcher"],
  token: ["bearer", "apikey", "accesstoken"],
  secret: ["password", "passwd", "pass"],
  secrets: ["key", "keys", "hmackey", "token"],
  spkiSha256: ["spki", "keysha256", "pin", "publickey"],
  sha256: ["fingerprint", "thumbprint", "digest"],
  until: ["notafter", "to", "validto"],
  from: ["notbefore", "validfrom"],
  crls: ["crl"],
  deny: ["denied", "blocklist", "blacklist"],
  maxBodyBytes: ["maxbodysize", "maxbody", "bodylimit"],
};

/** Parses a place that formatPointer() wrote. */
export function parsePlace(pointer: string): string[] {
  return pointer === "/" ? [] : parsePointer(pointer);
}
