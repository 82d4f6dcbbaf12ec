// What to do about each problem that schema and compiler tell of, by its place and its words.

import assert from "node:assert/strict";
import { parsePlace, parseProblem } from "../../core/policy-remedies.ts";
import type { Cases } from "./scene.ts";

const OTHERWISE = "compare it with policy.schema.json";
const remedyFor = (text: string) => parseProblem(text).remedy;

/** Remedies, and problems that have them. */
const REMEDIES: Readonly<Record<string, readonly string[]>> = {
  "choose another name, here and where it is used": [
    "/anchors/a b: a name is letters",
    "/senders/a b: a name is letters",
  ],
  "put the certificate of the CA there, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----": [
    "/anchors/root: not exactly one certificate in PEM",
    "/anchors/root: is not a CA",
    "/anchors/root: CN=x is not a CA certificate",
  ],
  "ask whoever runs the CA for a certificate that it signs with now": [
    "/anchors/root: its key may not sign certificates",
    "/anchors/root: a CA without a subject",
    "/anchors/root: a key that is weak or of a kind that is not accepted",
  ],
  "give the URL of the list, or leave crls out on the edge": ["/anchors/root/crls/sources/0: there are no files here"],
  "give the URL at which the CA publishes its list, or a path from the policy's directory": [
    "/anchors/root/crls/sources/0: at most 500 characters",
    "/anchors/root/crls/sources: is missing",
  ],
  "add crls, or give the certificate alone as text": ["/anchors/root/crls: is missing"],
  'write { "sources": ["http://…"], "freshness": "require" } (or "prefer")': [
    '/anchors/root/crls/freshness: must be ("require" | "prefer")',
  ],
  "copy the CA certificate anew, in PEM: openssl x509 -in ca.pem shows whether it is whole": [
    "/anchors/root: must not be empty",
    "/anchors/root/certificate: not DER",
  ],
  "add it to /anchors, or correct the name": ['/senders/one/trust/anchors/0: no anchor is called "x"'],
  "add it to /senders, or correct the name": ['/routes/~1a/senders/0: no sender is called "x"'],
  "remove one of them": [
    '/routes/~1a/senders/2: "one" is listed twice',
    "/senders/one/signature: names a secret twice",
  ],
  "add it": ["/senders/one/signature/scheme: is missing", "/routes/~1a/methods: is missing"],
  "put the CA certificate into /anchors under a name of its own, and write that name here": [
    "/senders/one/trust/anchors/0: a name is letters",
  ],
  "replace it by the name of the variable that holds the secret, as ACME_SIGNING_KEY; if it is the secret itself, have a new one made: this one stood in a file":
    [
      "/senders/one/signature/secrets/0: the name of a secret: capital letters, digits and '_', at most 64",
      "/senders/one/signature/retired/0: the name of a secret: capital letters, digits and '_', at most 64",
      "/senders/one/signature/accounts/1/0: the name of a secret: capital letters, digits and '_', at most 64",
      "/senders/one/basic/0/secret: the name of a secret: capital letters, digits and '_', at most 64",
    ],
  "copy the digest of the key: openssl x509 -in client.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256":
    ["/senders/one/certificates/0/spkiSha256: 64 hex digits", "/deny/0/spkiSha256: 64 hex digits"],
  "copy the digest: openssl x509 -in client.pem -noout -fingerprint -sha256": [
    "/senders/one/certificates/0/sha256: 64 hex digits",
    "/deny/0/sha256: 64 hex digits",
  ],
  "copy the number: openssl x509 -in client.pem -noout -serial": ["/deny/10/serial: hex digits"],
  "copy the issuer: openssl x509 -in client.pem -noout -issuer -nameopt RFC2253": [
    "/deny/0: issuer is not RFC 4514 text",
    "/deny/0: expected an attribute type",
    "/deny/0: must be escaped",
    "/deny/0: a space at the start",
    "/deny/0: not UTF-8",
    "/deny/0: malformed",
    "/deny/0: a control character",
  ],
  "write one of sha256, spkiSha256, or serial with issuer": ["/deny: must be Array", "/deny/0: must be Object"],
  "write a day or an instant that exists, as 2027-03-01 or 2027-03-01T12:00:00Z": [
    "/senders/one/about/checked: YYYY-MM-DD",
    "/senders/one/certificates/0: from is no date",
  ],
  "let until be after from, or remove one of them": ["/senders/one/certificates/12: from is not before until, so"],
  "write a short name as CN, O, OU or C, or the OID in dots": [
    "/senders/one/certificates/12: subject names no attribute type",
  ],
  "copy the name: openssl x509 -in client.pem -noout -subject -issuer -nameopt RFC2253": [
    "/senders/one/certificates/12: subject is not RFC 4514 text: x",
  ],
  "write one address, without prefix length and zone": ["/senders/one/certificates/12: san.ip is no IP address"],
  "add what identifies the sender, or remove the entry": ["/senders/one/certificates/12: must hold subject, san"],
  "write the value as the certificate has it, or remove the member": [
    "/senders/one/certificates/12/subject: must not be empty",
    "/senders/one/certificates/12/issuer/CN: must be string",
    "/senders/one/certificates/12/san: must name at least one kind",
  ],
  'add which certificates are the sender\'s, as [{ "subject": { "CN": "…" } }]': [
    "/senders/one/certificates: is missing: a CA also certifies others",
  ],
  "add the sender's certificate, for example by countersign policy add": [
    "/senders/one/certificates: must hold at least one matcher",
  ],
  'write { "subject": { "CN": "…" } }; countersign policy add --sender NAME --certificate FILE writes the entry of a file':
    ["/senders/one/certificates/2: must be Object"],
  'write a list of entries, as [{ "subject": { "CN": "…" } }]': ["/senders/one/certificates: must be Array"],
  "write a whole number from 1 to 10, or remove it": ["/senders/one/trust/maxChainDepth: must be >=1"],
  'write { "anchors": ["NAME OF A CA IN /anchors"] }, or { "platform": true } for Cloudflare\'s verdict': [
    "/senders/one/trust: must hold anchors",
    "/senders/one/trust/anchors: must be Array",
  ],
  "name the sender whose way of signing it is": ["/senders/one/signature/scheme: must be one"],
  "remove it from retired, or from secrets and accounts": [
    "/senders/one/signature: a secret is retired and accepted at once",
  ],
  "move the secrets of the accounts to secrets": ["/senders/one/signature: only docusign names accounts"],
  "remove the secrets that no longer sign": ["/senders/one/signature/secrets: at most 20 secrets"],
  "rename the secret": [
    "/senders/one/signature/secrets/0: is a binding of the edge's own",
    "/senders/one/basic/secret: is a binding of the edge's own",
  ],
  'name the secrets, not their text, as { "scheme": "…", "secrets": ["ACME_SIGNING_KEY"] }': [
    "/senders/one/signature/secrets: must be Array",
  ],
  "write the user name alone: the password is a secret, whose name goes into secret": [
    "/senders/one/basic/username: a user name holds no colon",
    "/senders/one/basic/0/username: a user name holds no colon",
  ],
  'write { "username": "…", "secret": "NAME_OF_THE_SECRET" }': [
    "/senders/one/basic: must hold at least one credential",
  ],
  "write the path alone, as in /hooks/acme: a policy names no scheme and no host": [
    "/routes/https:~1~1h.example~1a: an absolute path, exact or ending in /*",
  ],
  "write /hooks/* for all below it: there are no parameters in a path": [
    "/routes/~1hooks~1{id}: write it as requests have it: /hooks/%7Bid%7D",
  ],
  "write senders in its place, or remove it": ["/routes/~1a/sender: is no member that is known here"],
  "write san in its place, or remove it": ["/senders/one/certificates/0/SAN: is no member that is known here"],
  "write until in its place, or remove it": ["/senders/one/certificates/0/not_after: is no member that is known here"],
  "write secret in its place, or remove it: it holds names of secrets, and never their text": [
    "/senders/one/basic/password: is no member that is known here",
  ],
  "write secrets in its place, or remove it: it holds names of secrets, and never their text": [
    "/senders/one/signature/secret: is no member that is known here",
  ],
  "name another header, or pointers into the body": ["/senders/one/eventKey: Cookie is never forwarded"],
  'write { "header": "Webhook-Id" } or { "pointers": ["/event/id"] }': [
    "/senders/one/eventKey/pointers/0: a JSON pointer",
  ],
  "correct it or remove it: it is only a note": ["/senders/one/about/note: must be string"],
  "give the sender certificates and trust, a signature, or both": ["/senders/one: must require a certificate"],
  'write at least one, as { "NAME": { "certificates": […], "trust": {…} } }': [
    "/senders: must hold at least one sender",
  ],
  "remove it: it holds a credential, or is meant for one hop": ["/routes/~1a/headers/0: Cookie is never forwarded"],
  'write names of headers, as ["X-Signature"]': ["/routes/~1a/headers/0: letters, digits"],
  'list them in capitals, as ["POST"]': ["/routes/~1a/methods/0: an upper-case HTTP method"],
  'write names of senders, as ["NAME"]': ["/routes/~1a/senders: must be Array", "/routes/~1a/shadow: must name one"],
  "write a whole number of bytes, at most 52428800 (50 MiB), or remove it": ["/routes/~1a/maxBodyBytes: must be >=0"],
  "write enforce or observe, or remove it; senders that are to be tried go into shadow": [
    "/routes/~1a/mode: must be one",
  ],
  "rename the route so": ["/routes/~1a~1..: write it as requests have it: /"],
  "write letters, digits and signs as they are, escapes in upper case, and one / between segments": [
    "/routes/~1%61: a request with this path is refused, because of %61",
  ],
  "choose another path": ["/routes/~1.well-known: the edge publishes its keys there"],
  'write { "senders": ["NAME"], "methods": ["POST"] }': ["/routes/~1a: must be Object"],
  "write the path as in /hooks/acme, or /hooks/* for all below it, without query and spaces": [
    "/routes/~1a*: a * may only end a path",
    "/routes/~1a b/unknown: what nobody knows",
  ],
  'write at least one, as { "/hooks/acme": { "senders": ["NAME"], "methods": ["POST"] } }': ["/routes: must hold one"],
  'write an object, empty where no CA is needed: { "NAME": "-----BEGIN CERTIFICATE-----…" }': [
    "/anchors: must be Object",
  ],
  'write an object: { "anchors": {…}, "senders": {…}, "routes": {…} }': ["/: must be Object"],
  'write "./policy.schema.json", or remove it': ["/$schema: must be string"],
};

export const cases: Cases = {
  "parseProblem() has a remedy for each problem in its place": () => {
    for (const [remedy, problems] of Object.entries(REMEDIES)) {
      for (const problem of problems) assert.equal(remedyFor(problem), remedy, problem);
    }
  },
  "parseProblem() knows words where they begin or end a problem, and places as a whole": () => {
    for (const problem of [
      "/other: not a name is",
      '/other: "x" is listed twice over',
      "/other: this is missing",
      "/other: is missing here",
      "/other: there is no anchor is called",
      "/a/anchors: x",
      "/a/anchors/root: is not a CA",
      "/a/deny: x",
      "/a/deny/0/serial: x",
      "/a/senders: x",
      "/a/routes: x",
      "/anchorsx: x",
      "/$schema/x: x",
      "/sha256/x: 64 hex digits",
      "/extra: x",
    ])
      assert.equal(remedyFor(problem), OTHERWISE, problem);
    assert.notEqual(remedyFor("/senders/one/x: must hold"), remedyFor("/senders/one: must hold"));
    assert.equal(remedyFor("/senders/one/x: must hold"), OTHERWISE);
  },
  "parseProblem() reads place and problem, also of several lines": () => {
    const { pointer, problem, severity, cause } = parseProblem("/senders/a~1b: first: more\nsecond");
    assert.deepEqual([pointer, problem, severity, cause], ["/senders/a~1b", "first: more\nsecond", "error", "policy"]);
    assert.deepEqual([parseProblem("no place").pointer, parseProblem("no place").problem], ["/", "no place"]);
    assert.deepEqual(parseProblem("x /a: b").pointer, "/");
  },
  "parseProblem() names what is known beside an unknown member": () => {
    assert.equal(
      remedyFor("/senders/one/trust/x: is no member that is known here"),
      "remove it, or write one of anchors, platform, maxChainDepth",
    );
    const own = "remove it, or write one of senders, methods, ";
    assert.ok(remedyFor("/routes/~1a/x: is no member that is known here").startsWith(own));
    assert.match(remedyFor("/senders/one/certificates/0/san/x: is no member"), /one of dns, email, uri, ip$/);
    assert.match(remedyFor("/anchors/root/crls/x: is no member"), /one of sources, freshness$/);
    assert.equal(remedyFor("/anchors/x/y/z: is no member"), "remove it, or choose another name");
    assert.equal(remedyFor("/nowhere/x/y: is no member"), "remove it, or choose another name");
  },
  "parsePlace() reads a JSON pointer, and / as the whole document": () => {
    assert.deepEqual(parsePlace("/"), []);
    assert.deepEqual(parsePlace("/a~1b/c~0d/0"), ["a/b", "c~d", "0"]);
  },
};
