// Tests the remedy for each problem that the schema and the compiler find. The remedy depends on the code and the place of the
// problem.

import assert from "node:assert/strict";
import { parsePlace, toFinding } from "../../../../cli/policy/check/remedies.ts";
import type { PolicyProblem } from "../../../../core/policy/problem.ts";
import { PolicySchema } from "../../../../core/policy/schema.ts";
import { POLICY_PROBLEMS, type PolicyProblemCode } from "../../../../core/policy/words.ts";
import { runInNode } from "../../../support/in-node.ts";
import type { Cases } from "../../../support/scenes/certificates.ts";

/** Makes a problem from a code and a JSON pointer. Numbers in the pointer are indexes of lists. */
function problemAt(text: string): PolicyProblem {
  const [code, pointer = "/"] = text.split(" ");
  const at = parsePlace(pointer).map((member) => (/^\d+$/.test(member) ? Number(member) : member));
  return { at, code: code as PolicyProblemCode };
}

const remedyFor = (text: string) => toFinding(problemAt(text)).remedy;

const ENTRY = "/senders/one/certificates/12";
const SUBJECT = "write the value as the certificate has it, or remove the member";
const DIGEST = "copy the digest: openssl x509 -in client.pem -noout -fingerprint -sha256";
const KEY_DIGEST =
  "copy the digest of the key: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256";
const INSTANT = "write an existing date or time, for example 2027-03-01 or 2027-03-01T12:00:00Z";
const PATH = "write a path without query and spaces, for example /hooks/acme, or /hooks/* for all paths below /hooks";
const CA = "put the certificate of the CA there, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----";
const CURRENT_CA = "ask the operator of the CA for the certificate of its current key";
const COPY_CA = "copy the CA certificate again, in PEM; openssl x509 -in ca.pem shows whether it is complete";
const ISSUER = "copy the issuer: openssl x509 -in client.pem -noout -issuer -nameopt RFC2253";
const CRLS = 'write { "sources": ["http://…"], "freshness": "require" } (or "prefer")';
const SOURCE = "give the URL at which the CA publishes its list, or a path from the policy's directory";
const TRUST = 'write { "anchors": ["NAME OF A CA IN /anchors"] }, or { "platform": true } for Cloudflare\'s verdict';
const SECRETS =
  'write the names of the secrets, not the secrets themselves, for example { "scheme": "…", "secrets": ["ACME_SIGNING_KEY"] }';
const TOKEN =
  'write { "header": "X-Acme-Token", "secrets": ["ACME_TOKEN"] }, or { "pointer": "/state", "secrets": ["ACME_TOKEN"] }';
const KEY = 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }';
const ROUTE = 'write { "senders": ["NAME"], "methods": ["POST"] }';

const REMEDIES: readonly (readonly [problem: string, remedy: string])[] = [
  ["wrong_kind /", 'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }'],
  ["wrong_kind /nowhere/x", 'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }'],
  ["wrong_kind /$schema", 'write "./node_modules/countersign/policy.schema.json", or remove it'],
  ["missing /routes/~1a/methods", "add it"],
  ["missing /anchors", "add it"],
  ["missing /deny/0/issuer", "add it"],
  ["listed_twice /routes/~1a/senders/2", "remove one of them"],
  ["malformed_name /anchors/a b", "choose another name, and write it here and wherever the name is used"],
  ["malformed_name /routes/~1a/senders/0", "choose another name, and write it here and wherever the name is used"],
  [
    "malformed_name /senders/one/trust/anchors/0",
    "add the CA certificate to /anchors under a new name, and write that name here",
  ],
  ["unknown_anchor /senders/one/trust/anchors/0", "add it to /anchors, or correct the name"],
  ["unknown_sender /routes/~1a/senders/0", "add it to /senders, or correct the name"],

  [
    "wrong_kind /anchors",
    'write an object, which may be empty if no CA is needed: { "NAME": "-----BEGIN CERTIFICATE-----…" }',
  ],
  ["not_one_certificate /anchors/root", CA],
  ["not_ca /anchors/root", CA],
  ["may_not_sign /anchors/root", CURRENT_CA],
  ["no_subject /anchors/root", CURRENT_CA],
  ["weak_key /anchors/root", CURRENT_CA],
  ["unmatchable_key /anchors/root", CURRENT_CA],
  ["malformed_certificate /anchors/root", COPY_CA],
  ["empty /anchors/root", COPY_CA],
  ["missing /anchors/root/certificate", COPY_CA],
  ["missing /anchors/root/crls", "add crls, or write only the certificate, as a text"],
  ["missing /anchors/root/crls/freshness", CRLS],
  ["wrong_kind /anchors/root/crls/freshness", CRLS],
  ["wrong_kind /anchors/root/crls", CRLS],
  ["missing /anchors/root/crls/sources", SOURCE],
  ["long_source /anchors/root/crls/sources/0", SOURCE],
  ["malformed_source /anchors/root/crls/sources/0", SOURCE],
  ["source_is_file /anchors/root/crls/sources/0", "give the URL of the list, or leave crls out on the edge"],

  ["empty /senders", 'write at least one, for example { "NAME": { "certificates": […], "trust": {…} } }'],
  ["wrong_kind /senders/one", "give the sender certificates and trust, a signature, or both"],
  [
    "no_factor /senders/one",
    "give the sender certificates and trust, a signature, or a token: Basic alone is not enough",
  ],
  ["wrong_kind /senders/one/about/note", "write a text, or remove this note"],
  ["malformed_instant /senders/one/about/checked", INSTANT],
  [
    "missing /senders/one/certificates",
    'list the sender\'s certificates, for example [{ "subject": { "CN": "…" } }]: the CA also issues certificates to others',
  ],
  ["wrong_kind /senders/one/certificates", 'write a list of entries, for example [{ "subject": { "CN": "…" } }]'],
  [
    "no_matcher /senders/one/certificates",
    "add the sender's certificate, for example by countersign policy add: the CA also issues certificates to others",
  ],
  [
    `wrong_kind ${ENTRY}`,
    'write { "subject": { "CN": "…" } }; countersign policy add --sender NAME --certificate FILE writes the entry of a file',
  ],
  [
    `issuer_alone ${ENTRY}`,
    "add a value that identifies the sender, or remove the entry: with an issuer alone, it accepts every certificate of that issuer",
  ],
  [`empty ${ENTRY}/subject`, SUBJECT],
  [`wrong_kind ${ENTRY}/issuer/CN`, SUBJECT],
  [`empty ${ENTRY}/san/dns`, SUBJECT],
  [`malformed_digest ${ENTRY}/sha256`, DIGEST],
  [`wrong_kind ${ENTRY}/sha256`, DIGEST],
  [`malformed_digest ${ENTRY}/spkiSha256`, KEY_DIGEST],
  [`wrong_kind ${ENTRY}/from`, INSTANT],
  [`wrong_kind ${ENTRY}/until`, INSTANT],
  [`no_date ${ENTRY}`, INSTANT],
  [`no_window ${ENTRY}`, "write an until that is later than from, or remove one of them"],
  [`unknown_attribute ${ENTRY}`, "write a short name, for example CN, O, OU or C, or an OID, for example 2.5.4.3"],
  [`malformed_dn ${ENTRY}`, "copy the name: openssl x509 -in client.pem -noout -subject -issuer -nameopt RFC2253"],
  [`malformed_ip ${ENTRY}`, "write one address without a prefix length or a zone"],
  ["missing /senders/one/trust", `${TRUST}: it says what proves the certificates`],
  ["no_trust /senders/one/trust", TRUST],
  ["wrong_kind /senders/one/trust/anchors", TRUST],
  ["wrong_kind /senders/one/trust/maxChainDepth", "write a whole number from 1 to 10, or remove it"],

  ["missing /senders/one/signature/scheme", "add it"],
  ["wrong_kind /senders/one/signature/scheme", "write the scheme by which the sender signs"],
  ["no_secrets /senders/one/signature", SECRETS],
  ["empty /senders/one/signature/secrets", SECRETS],
  ["empty /senders/one/signature/accounts", SECRETS],
  ["secret_twice /senders/one/signature/secrets", "remove one of them"],
  ["many_secrets /senders/one/signature/secrets", "remove the secrets that no longer sign"],
  [
    "malformed_secret /senders/one/signature/accounts/1/0",
    "write the name of the variable that contains the secret, for example ACME_SIGNING_KEY; if this is the secret itself, replace the secret, because this file is not secret",
  ],
  ["reserved_secret /senders/one/basic/secret", "rename the secret"],
  ["retired_secret /senders/one/signature", "remove it from retired, or from secrets and accounts"],
  ["unknown_accounts /senders/one/signature", "move the secrets of the accounts to secrets"],
  ["empty /senders/one/basic", 'write { "username": "…", "secret": "NAME_OF_THE_SECRET" }'],
  [
    "malformed_username /senders/one/basic/0/username",
    "write the user name alone: the password is a secret, whose name goes into secret",
  ],
  [
    "taken_header /senders/one/token/header",
    "name a header that holds the token alone: Authorization if the sender has no basic, or a separate header, for example X-Acme-Token",
  ],
  ["empty /senders/one/token/secrets", TOKEN],
  [
    "handshake_secret /senders/one/handshake",
    "add secret, which names the token or key of the handshake, or remove it",
  ],
  ["handshake_end /senders/one/handshake", "add until, the time until which challenges are answered, or remove it"],
  ["token_place /senders/one/token", "name the header with the token, or the pointer to it in the JSON body"],
  ["malformed_pointer /senders/one/token/pointer", TOKEN],
  [
    "handshake_unsigned /senders/one",
    "add a signature whose scheme has the name of the handshake, or remove the handshake",
  ],
  ["handshake_signs /senders/one/handshake/secret", "name a secret that signs no events, or remove the handshake"],
  ["malformed_pointer /senders/one/eventKey/pointers/0", KEY],
  ["malformed_header /senders/one/orderKey/header", KEY],
  ["not_forwarded /senders/one/eventKey", "name another header, or pointers into the body"],

  ["empty /routes", 'write at least one, for example { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }'],
  ["wrong_kind /routes/~1a", ROUTE],
  ["empty /routes/~1a/senders", 'write names of senders, for example ["NAME"]'],
  ["wrong_kind /routes/~1a/shadow", 'write names of senders, for example ["NAME"]'],
  ["malformed_method /routes/~1a/methods/0", 'list the methods in capital letters, for example ["POST"]'],
  ["wrong_kind /routes/~1a/maxBodyBytes", "write a whole number of bytes, at most 52428800 (50 MiB), or remove it"],
  ["malformed_header /routes/~1a/headers/0", 'write names of headers, for example ["X-Signature"]'],
  [
    "not_forwarded /routes/~1a/headers/0",
    "remove it: the header contains a credential, or belongs to a single connection",
  ],
  ["wrong_kind /routes/~1a/mode", "write enforce or observe, or remove it; to try senders, list them in shadow"],
  ["wrong_kind /routes/~1a/delivery", "write direct or queue, or remove it"],
  ["wrong_kind /routes/~1a/answer", "write accepted or handler, or remove it"],
  ["malformed_path /routes/a", PATH],
  ["star_within /routes/~1a*", PATH],
  [
    "malformed_path /routes/https:~1~1h.example~1a",
    "write the path alone, for example /hooks/acme, or host and path, for example hooks.acme.example/events: a policy contains no scheme",
  ],
  ["malformed_path /routes/~1ahttp:~1~1x", PATH],
  ["host_spelling /routes/Hooks.example~1a", "rename the route so"],
  ["path_spelling /routes/~1a~1..", "rename the route so"],
  [
    "path_spelling /routes/~1hooks~1{id}",
    "write /hooks/* for all paths below it: a path in a policy has no parameters",
  ],
  [
    "path_refused /routes/~1%61",
    "write letters, digits and signs without escapes, other escapes in upper case, and one / between segments",
  ],
  ["path_taken /routes/~1.well-known", "choose another path"],
  ["queued_answer /routes/~1a", "remove answer, or remove delivery"],
  ["queued_order /routes/~1a", "remove delivery, or the sender's orderKey"],

  ["wrong_kind /deny", "write one of sha256, spkiSha256, or serial with issuer"],
  ["wrong_kind /deny/0", "write one of sha256, spkiSha256, or serial with issuer"],
  ["malformed_digest /deny/0/sha256", DIGEST],
  ["malformed_digest /deny/0/spkiSha256", KEY_DIGEST],
  ["malformed_serial /deny/10/serial", "copy the number: openssl x509 -in client.pem -noout -serial"],
  ["empty /deny/0/issuer", ISSUER],
  ["malformed_dn /deny/0", ISSUER],

  ["unknown_member /routes/~1a/sender", "write senders instead, or remove it"],
  ["unknown_member /senders/one/certificates/0/SAN", "write san instead, or remove it"],
  ["unknown_member /senders/one/certificates/0/not_after", "write until instead, or remove it"],
  [
    "unknown_member /senders/one/basic/password",
    "write secret instead, or remove it: it contains names of secrets, never the secrets themselves",
  ],
  [
    "unknown_member /senders/one/signature/secret",
    "write secrets instead, or remove it: it contains names of secrets, never the secrets themselves",
  ],
  ["unknown_member /senders/one/trust/x", "remove it, or write one of anchors, platform, maxChainDepth"],
  ["unknown_member /anchors/x/y/z", "remove it, or choose another name"],
  ["unknown_member /nowhere/x/y", "remove it, or choose another name"],
  [
    "reserved_name /anchors/constructor",
    "remove it, or choose another name: every JavaScript object has a member with this name",
  ],
];

/** An object in the schema of the policy. This test reads only its member `code`. */
interface Node {
  readonly message?: unknown;
  readonly pipe?: readonly Node[];
  readonly [part: string]: unknown;
}

/** Returns every code in a schema and in its parts. */
function codesOf(node: unknown, seen = new Set<unknown>()): string[] {
  if (typeof node !== "object" || node === null || seen.has(node)) return [];
  seen.add(node);
  const own = typeof (node as Node).code === "string" ? [(node as Node).code as string] : [];
  return [...own, ...Object.values(node).flatMap((part) => codesOf(part, seen))];
}

const cases: Cases = {
  "toFinding() has a remedy for each code, in each of its places": () => {
    for (const [problem, remedy] of REMEDIES) assert.equal(remedyFor(problem), remedy, problem);
    const met = new Set(REMEDIES.map(([problem]) => problem.split(" ")[0]));
    assert.deepEqual(
      Object.keys(POLICY_PROBLEMS).filter((code) => !met.has(code)),
      [],
    );
  },
  "toFinding() gives the place and the problem, in words and as a code": () => {
    assert.deepEqual(toFinding({ at: ["anchors", "a/b"], code: "not_ca", detail: "CN=100% & $&" }), {
      pointer: "/anchors/a~1b",
      problem: "CN=100% & $& is not a CA certificate",
      remedy: CA,
      severity: "error",
      cause: "policy",
      code: "not_ca",
    });
  },
  "toFinding() lists the known members for an unknown one": () => {
    assert.ok(remedyFor("unknown_member /routes/~1a/x").startsWith("remove it, or write one of senders, methods, "));
    assert.match(remedyFor("unknown_member /senders/one/certificates/0/san/x"), /one of dns, email, uri, ip$/);
    assert.match(remedyFor("unknown_member /anchors/root/crls/x"), /one of sources, freshness$/);
  },
  "each code of the policy's form has a text": () => {
    const codes = codesOf(PolicySchema);
    assert.ok(codes.length > 20);
    assert.deepEqual(
      codes.filter((code) => !Object.hasOwn(POLICY_PROBLEMS, code)),
      [],
    );
  },
  "parsePlace() reads a JSON pointer, and / as the whole document": () => {
    assert.deepEqual(parsePlace("/"), []);
    assert.deepEqual(parsePlace("/a~1b/c~0d/0"), ["a/b", "c~d", "0"]);
  },
};

await runInNode(cases);
