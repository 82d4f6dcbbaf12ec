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
const WRITE_CAS = 'write an object, empty where no CA is needed: { "NAME": "-----BEGIN CERTIFICATE-----…" }';
const COPY_CA = "copy the CA certificate anew, in PEM: openssl x509 -in ca.pem shows whether it is whole";
const ASK_CA = "ask whoever runs the CA for a certificate that it signs with now";
const ONE_OF_THEM = "remove one of them";
const COPY_DIGEST = "copy the digest: openssl x509 -in client.pem -noout -fingerprint -sha256";
const COPY_KEY_DIGEST =
  "copy the digest of the key: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256";
const WRITE_INSTANT = "write a day or an instant that exists, as 2027-03-01 or 2027-03-01T12:00:00Z";
const WRITE_PATH = "write the path as in /hooks/acme, or /hooks/* for all below it, without query and spaces";

/** Says for each place which value to write there. A place without a row has the text of the enclosing place. */
const FORMS = {
  "/": 'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }',
  "/$schema": 'write "./policy.schema.json", or remove it',
  "/anchors": WRITE_CAS,
  "/anchors/*": COPY_CA,
  "/anchors/*/crls": 'write { "sources": ["http://…"], "freshness": "require" } (or "prefer")',
  "/anchors/*/crls/sources": "give the URL at which the CA publishes its list, or a path from the policy's directory",
  "/intermediates": WRITE_CAS,
  "/intermediates/*": COPY_CA,
  "/senders": 'write at least one, as { "NAME": { "certificates": […], "trust": {…} } }',
  "/senders/*": "give the sender certificates and trust, a signature, or both",
  "/senders/*/about": "correct it or remove it: it is only a note",
  "/senders/*/certificates": 'write a list of entries, as [{ "subject": { "CN": "…" } }]',
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
  "/senders/*/signature": 'name the secrets, not their text, as { "scheme": "…", "secrets": ["ACME_SIGNING_KEY"] }',
  "/senders/*/signature/scheme": "name the sender whose way of signing it is",
  "/senders/*/basic": 'write { "username": "…", "secret": "NAME_OF_THE_SECRET" }',
  "/senders/*/token": 'write { "header": "X-Acme-Token", "secrets": ["ACME_TOKEN"] }',
  "/senders/*/eventKey": 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }',
  "/senders/*/orderKey": 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }',
  "/senders/*/refusal": "write final, retry or retry-429",
  "/routes": 'write at least one, as { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }',
  "/routes/*": 'write { "senders": ["NAME"], "methods": ["POST"] }',
  "/routes/*/senders": 'write names of senders, as ["NAME"]',
  "/routes/*/shadow": 'write names of senders, as ["NAME"]',
  "/routes/*/methods": 'list them in capitals, as ["POST"]',
  "/routes/*/maxBodyBytes": "write a whole number of bytes, at most 52428800 (50 MiB), or remove it",
  "/routes/*/headers": 'write names of headers, as ["X-Signature"]',
  "/routes/*/mode": "write enforce or observe, or remove it; senders that are to be tried go into shadow",
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
  reserved_name: (at) => `${nameKnown(at)}: every JavaScript object has a member of this name`,
  missing: addMissing,
  wrong_kind: formOf,
  empty: formOf,
  malformed_name: ([, , member]) =>
    member === "trust"
      ? "put the CA certificate into /anchors under a name of its own, and write that name here"
      : "choose another name, here and where it is used",
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
    "add the sender's certificate, for example by countersign policy add: a CA also certifies others than this sender",
  issuer_alone:
    "add what identifies the sender, or remove the entry: an issuer alone admits everyone it ever certified",
  malformed_digest: formOf,
  malformed_instant: WRITE_INSTANT,
  no_date: WRITE_INSTANT,
  no_window: "let until be after from, or remove one of them",
  unknown_attribute: "write a short name as CN, O, OU or C, or the OID in dots",
  malformed_dn: ([section]) =>
    section === "deny"
      ? FORMS["/deny/*/issuer"]
      : "copy the name: openssl x509 -in client.pem -noout -subject -issuer -nameopt RFC2253",
  malformed_ip: "write one address, without prefix length and zone",

  malformed_secret:
    "replace it by the name of the variable that holds the secret, as ACME_SIGNING_KEY; if it is the secret itself, have a new one made: this one stood in a file",
  reserved_secret: "rename the secret",
  many_secrets: "remove the secrets that no longer sign",
  secret_twice: ONE_OF_THEM,
  retired_secret: "remove it from retired, or from secrets and accounts",
  unknown_accounts: "move the secrets of the accounts to secrets",
  no_secrets: formOf,
  malformed_username: "write the user name alone: the password is a secret, whose name goes into secret",
  malformed_pointer: formOf,
  malformed_header: formOf,
  not_forwarded: ([section]) =>
    section === "routes"
      ? "remove it: it holds a credential, or is meant for one hop"
      : "name another header, or pointers into the body",

  taken_header:
    "name a header that holds the token alone: Authorization if the sender has no basic, or one of its own as X-Acme-Token",

  malformed_path: ([, path]) =>
    /^https?:/.test(String(path))
      ? "write the path alone, as in /hooks/acme, or host and path, as in hooks.acme.example/events: a policy names no scheme"
      : WRITE_PATH,
  star_within: WRITE_PATH,
  host_spelling: "rename the route so",
  path_taken: "choose another path",
  path_spelling: ([, path]) =>
    /\{[^}]*\}/.test(String(path))
      ? "write /hooks/* for all below it: there are no parameters in a path"
      : "rename the route so",
  path_refused: "write letters, digits and signs as they are, escapes in upper case, and one / between segments",
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
  "/anchors/*/crls": "add crls, or give the certificate alone as text",
  "/senders/*/trust": `${FORMS["/senders/*/trust"]}: it says what proves the certificates`,
  "/senders/*/certificates":
    'add which certificates are the sender\'s, as [{ "subject": { "CN": "…" } }]: a CA also certifies others than this sender',
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
    : `write ${meant} in its place, or remove it${meant.startsWith("secret") ? ": it holds names of secrets, and never their text" : ""}`;
}

/** Returns true if the names differ only in letter case, separators or a plural s, or if the written name is a synonym. */
function isMeant(written: string, known: string): boolean {
  const [a, b] = [written, known].map((name) => name.toLowerCase().replace(/[-_\s]/g, ""));
  return a === b || a === `${b}s` || `${a}s` === b || SYNONYMS[known]?.includes(a ?? "") === true;
}

const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  username: ["user", "name", "login"],
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

/** Parses a place that formatPointer wrote. */
export function parsePlace(pointer: string): string[] {
  return pointer === "/" ? [] : parsePointer(pointer);
}
