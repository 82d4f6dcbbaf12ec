// What to do about the problems that the schema and the compiler find: they say what is wrong, in few words, because the
// worker carries them. The longer half is here, for the command line.

import { parsePointer } from "./configuration-error.ts";
import { errorAt, type Finding } from "./policy-finding.ts";
import { membersAt } from "./policy-members.ts";

/** The first row whose place and problem fit. Every problem that `compilePolicy` can report has a row above the last. */
const REMEDIES: readonly (readonly [place: RegExp, problem: RegExp, remedy: string])[] = [
  [
    /\/trust\/anchors\/\d+$/,
    /^a name is /,
    "put the CA certificate into /anchors under a name of its own, and write that name here",
  ],
  [/^/, /^a name is /, "choose another name, here and where it is used"],
  [
    /^\/senders\/[^/]+\/(signature|basic)/,
    /^the name of a secret/,
    "replace it by the name of the variable that holds the secret, as ACME_SIGNING_KEY; if it is the secret itself, have a new one made: this one stood in a file",
  ],
  [
    /^\/anchors\/[^/]+/,
    /^(not exactly one|is not a CA|.* is not a CA)/,
    "put the certificate of the CA there, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
  ],
  [
    /^\/anchors\/[^/]+/,
    /may not sign|without a subject|weak or of/,
    "ask whoever runs the CA for a certificate that it signs with now",
  ],
  [
    /^\/anchors\/[^/]+\/crls\/sources/,
    /^there are no files/,
    "give the URL of the list, or leave crls out on the edge",
  ],
  [
    /^\/anchors\/[^/]+\/crls\/sources/,
    /./,
    "give the URL at which the CA publishes its list, or a path from the policy's directory",
  ],
  [/^\/anchors\/[^/]+\/crls/, /^is missing/, "add crls, or give the certificate alone as text"],
  [/^\/anchors\/[^/]+\/crls/, /./, 'write { "sources": ["http://…"], "freshness": "require" } (or "prefer")'],
  [/^\/anchors\/[^/]+/, /./, "copy the CA certificate anew, in PEM: openssl x509 -in ca.pem shows whether it is whole"],
  [/^/, /^no anchor is called/, "add it to /anchors, or correct the name"],
  [/^/, /^no sender is called/, "add it to /senders, or correct the name"],
  [/^/, /is listed twice$|names a secret twice/, "remove one of them"],
  [/^/, /^is missing$/, "add it"],
  [
    /spkiSha256$/,
    /hex digits/,
    "copy the digest of the key: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256",
  ],
  [/sha256$/, /hex digits/, "copy the digest: openssl x509 -in client.pem -noout -fingerprint -sha256"],
  [/^\/deny\/\d+\/serial/, /./, "copy the number: openssl x509 -in client.pem -noout -serial"],
  [
    /^\/deny/,
    /RFC 4514|attribute type|escape|space|UTF-8|malformed|control/,
    "copy the issuer: openssl x509 -in client.pem -noout -issuer -nameopt RFC2253",
  ],
  [/^\/deny/, /./, "write one of sha256, spkiSha256, or serial with issuer"],
  [/./, /YYYY-MM-DD|is no date/, "write a day or an instant that exists, as 2027-03-01 or 2027-03-01T12:00:00Z"],
  [/certificates\/\d+/, /^from is not before until/, "let until be after from, or remove one of them"],
  [/certificates\/\d+/, /names no attribute type/, "write a short name as CN, O, OU or C, or the OID in dots"],
  [
    /certificates\/\d+/,
    /is not RFC 4514 text/,
    "copy the name: openssl x509 -in client.pem -noout -subject -issuer -nameopt RFC2253",
  ],
  [/certificates\/\d+/, /san.ip is no/, "write one address, without prefix length and zone"],
  [/certificates\/\d+/, /^must hold subject/, "add what identifies the sender, or remove the entry"],
  [/certificates\/\d+.*(subject|issuer|san)/, /./, "write the value as the certificate has it, or remove the member"],
  [
    /^\/senders\/[^/]+\/certificates/,
    /^is missing/,
    'add which certificates are the sender\'s, as [{ "subject": { "CN": "…" } }]',
  ],
  [
    /^\/senders\/[^/]+\/certificates$/,
    /at least one matcher/,
    "add the sender's certificate, for example by countersign policy add",
  ],
  [
    /^\/senders\/[^/]+\/certificates\/\d+$/,
    /^must be Object/,
    'write { "subject": { "CN": "…" } }; countersign policy add --sender NAME --certificate FILE writes the entry of a file',
  ],
  [/^\/senders\/[^/]+\/certificates/, /./, 'write a list of entries, as [{ "subject": { "CN": "…" } }]'],
  [/^\/senders\/[^/]+\/trust\/maxChainDepth/, /./, "write a whole number from 1 to 10, or remove it"],
  [
    /^\/senders\/[^/]+\/trust/,
    /./,
    'write { "anchors": ["NAME OF A CA IN /anchors"] }, or { "platform": true } for Cloudflare\'s verdict',
  ],
  [/^\/senders\/[^/]+\/signature\/scheme/, /./, "name the sender whose way of signing it is"],
  [/^\/senders\/[^/]+\/signature/, /retired and accepted/, "remove it from retired, or from secrets and accounts"],
  [/^\/senders\/[^/]+\/signature/, /only docusign/, "move the secrets of the accounts to secrets"],
  [/^\/senders\/[^/]+\/signature/, /at most/, "remove the secrets that no longer sign"],
  [/^\/senders\/[^/]+\/(signature|basic)/, /binding of the edge's own/, "rename the secret"],
  [
    /^\/senders\/[^/]+\/signature/,
    /./,
    'name the secrets, not their text, as { "scheme": "…", "secrets": ["ACME_SIGNING_KEY"] }',
  ],
  [
    /^\/senders\/[^/]+\/basic.*\/username/,
    /colon/,
    "write the user name alone: the password is a secret, whose name goes into secret",
  ],
  [/^\/senders\/[^/]+\/basic/, /./, 'write { "username": "…", "secret": "NAME_OF_THE_SECRET" }'],
  [/^\/senders\/[^/]+\/eventKey/, /never forwarded/, "name another header, or pointers into the body"],
  [/^\/senders\/[^/]+\/eventKey/, /./, 'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }'],
  [/^\/senders\/[^/]+\/about/, /./, "correct it or remove it: it is only a note"],
  [/^\/senders\/[^/]+$/, /./, "give the sender certificates and trust, a signature, or both"],
  [/^\/senders$/, /./, 'write at least one, as { "NAME": { "certificates": […], "trust": {…} } }'],
  [/^\/routes\/[^/]+\/headers/, /never forwarded/, "remove it: it holds a credential, or is meant for one hop"],
  [/^\/routes\/[^/]+\/headers/, /./, 'write names of headers, as ["X-Signature"]'],
  [/^\/routes\/[^/]+\/methods/, /./, 'list them in capitals, as ["POST"]'],
  [/^\/routes\/[^/]+\/(senders|shadow)/, /./, 'write names of senders, as ["NAME"]'],
  [/^\/routes\/[^/]+\/maxBodyBytes/, /./, "write a whole number of bytes, at most 52428800 (50 MiB), or remove it"],
  [
    /^\/routes\/[^/]+\/mode/,
    /./,
    "write enforce or observe, or remove it; senders that are to be tried go into shadow",
  ],
  [/^\/routes\/https?:/, /./, "write the path alone, as in /hooks/acme: a policy names no scheme and no host"],
  [
    /^\/routes\/.*\{[^}]*\}/,
    /write it as requests have it/,
    "write /hooks/* for all below it: there are no parameters in a path",
  ],
  [/^\/routes\/[^/]+$/, /write it as requests have it/, "rename the route so"],
  [
    /^\/routes\/[^/]+$/,
    /a request with this path is refused/,
    "write letters, digits and signs as they are, escapes in upper case, and one / between segments",
  ],
  [/^\/routes\/[^/]+$/, /publishes its keys/, "choose another path"],
  [/^\/routes\/[^/]+$/, /^must be/, 'write { "senders": ["NAME"], "methods": ["POST"] }'],
  [/^\/routes\/.+$/, /./, "write the path as in /hooks/acme, or /hooks/* for all below it, without query and spaces"],
  [/^\/(routes)$/, /./, 'write at least one, as { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }'],
  [/^\/anchors$/, /./, 'write an object, empty where no CA is needed: { "NAME": "-----BEGIN CERTIFICATE-----…" }'],
  [/^\/$/, /./, 'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }'],
  [/^\/\$schema$/, /./, 'write "./policy.schema.json", or remove it'],
];
/** How the schema's complaint about a member begins that it does not know. */
export const UNKNOWN_MEMBER = "is no member";
const OTHERWISE = "compare it with policy.schema.json";

/** A problem of a ConfigurationError on a policy, with what to do about it. */
export function parseProblem(text: string): Finding {
  const [, pointer = "/", problem = text] = /^(\/.*?): (.*)$/s.exec(text) ?? [];
  const at = parsePlace(pointer);
  return { ...errorAt(at, problem, findRemedy(pointer, problem, at)), pointer };
}

function findRemedy(pointer: string, problem: string, at: readonly string[]): string {
  if (problem.startsWith(UNKNOWN_MEMBER)) {
    const known = membersAt(at.slice(0, -1));
    if (known.length === 0) return "remove it, or choose another name";
    const meant = known.find((name) => isMeant(String(at.at(-1)), name));
    return meant === undefined
      ? `remove it, or write one of ${known.join(", ")}`
      : `write ${meant} in its place, or remove it${meant.startsWith("secret") ? ": it holds names of secrets, and never their text" : ""}`;
  }
  return REMEDIES.find(([place, what]) => place.test(pointer) && what.test(problem))?.[2] ?? OTHERWISE;
}

/** Other letter case, one for many or many for one, and what the same thing is called elsewhere. */
function isMeant(written: string, known: string): boolean {
  const [a, b] = [written, known].map((name) => name.toLowerCase().replace(/[-_\s]/g, ""));
  return a === b || a === `${b}s` || `${a}s` === b || SYNONYMS[known]?.includes(a ?? "") === true;
}

const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  username: ["user", "name", "login"],
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

/** The place that formatPointer wrote. */
export function parsePlace(pointer: string): string[] {
  return pointer === "/" ? [] : parsePointer(pointer);
}
