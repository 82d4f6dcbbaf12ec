// Claims that the edge's own key signed but a receiver must refuse: malformed, for a different receiver, or not valid at this time.

import type { RefusalCode } from "../../core/refusal.ts";
import type { CaseRow } from "./case-row.ts";
import { claimsOf, type Members, withClaims, withPayload } from "./forge.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";
import { AUDIENCE, ISSUER, NOW } from "./world.ts";

const THIRTY_DAYS = 30 * 86_400;

/** Returns a row with changed claims. If `change` is a function, it receives the original claims. */
function changed(
  code: RefusalCode,
  name: string,
  change: Members | ((claims: Members) => Members),
  sent: SentEvent = {},
): CaseRow {
  const apply = (request: ForwardedRequest) =>
    withClaims(request, typeof change === "function" ? change(claimsOf(request)) : change);
  return [code, name, apply, sent];
}

const invalid = (name: string, change: Members | ((claims: Members) => Members), sent?: SentEvent) =>
  changed("assertion_claims_invalid", name, change, sent);

/** Returns a function that changes members of one claim. */
const within = (claim: string, change: Members) => (claims: Members) => ({
  [claim]: { ...(claims[claim] as Members), ...change },
});

const TOPIC: SentEvent = { headers: { "x-acme-topic": "orders" } };

const REQUIRED = ["iss", "aud", "iat", "exp", "jti", "sender", "req", "amr", "pol", "txn"];

const FORMS: readonly CaseRow[] = [
  ...REQUIRED.map((claim) => invalid(`no ${claim}`, { [claim]: undefined })),
  ...["sub", "cnf", "crt"].map((claim) => invalid(`mtls in amr, and no ${claim}`, { [claim]: undefined })),
  invalid("sub, cnf and crt, and no mtls in amr", { amr: ["hmac"] }),
  invalid("mtls in amr of a sender without a certificate", { amr: ["mtls", "hmac"] }, { sender: "initech" }),
  invalid("a claim that is not known", { htm: "POST" }),
  invalid("iss that is empty", { iss: "" }),
  invalid("aud that is a list with the receiver in it", { aud: [AUDIENCE] }),
  invalid("iat that is a text", { iat: String(NOW) }),
  invalid("iat with a fraction", { iat: NOW + 0.5 }),
  invalid("iat that is true", { iat: true }),
  invalid("iat and exp beyond the whole numbers of a double", { iat: 2 ** 53, exp: 2 ** 53 + 60 }),
  invalid("exp that is null", { exp: null }),
  invalid("exp at iat", { exp: NOW }),
  invalid("exp 61 seconds after iat", { exp: NOW + 61 }),
  invalid("rcv at iat", { rcv: NOW }),
  invalid("rcv after iat", { rcv: NOW + 1 }),
  invalid("rcv thirty days and a second before iat", { rcv: NOW - THIRTY_DAYS - 1 }),
  invalid("rcv that is a text", { rcv: String(NOW - 60) }),
  invalid("jti that is too short", { jti: "AAECAwQFBgcICQoLDA0OD" }),
  invalid("jti with another character", { jti: "AAECAwQFBgcICQoLDA0OD." }),
  invalid("jti with a line feed at its end", { jti: "AAECAwQFBgcICQoLDA0ODw\n" }),
  invalid("sender that is a list", { sender: ["acme"] }),
  invalid("sub that is null", { sub: null }),
  invalid("cnf with another member beside the digest", within("cnf", { jkt: "x" })),
  invalid("cnf with a digest in hex", within("cnf", { "x5t#S256": "0".repeat(64) })),
  ...["issuer", "serial", "notBefore", "notAfter"].map((member) =>
    invalid(`crt without ${member}`, within("crt", { [member]: undefined })),
  ),
  invalid("crt with an issuer that is null", within("crt", { issuer: null })),
  invalid("crt with an empty serial number", within("crt", { serial: "" })),
  invalid("crt with a date that is a text", within("crt", { notBefore: "2026-01-01T00:00:00Z" })),
  invalid("crt with a fraction of a second", within("crt", { notAfter: NOW + 0.5 })),
  invalid("crt with an empty anchor", within("crt", { anchor: "" })),
  invalid("crt with a member that is not known", within("crt", { subject: "CN=webhooks.acme.example" })),
  invalid("crt with a platform's verdict that is a text", within("crt", { platform: "SUCCESS" })),
  invalid("req without a digest", within("req", { digest: undefined })),
  invalid("req with a member that is not known", within("req", { host: "origin.example.com" })),
  invalid("req that is a list", { req: [] }),
  invalid("hdr that is null", { hdr: null }),
  invalid("hdr that is a list of names", { hdr: ["x-acme-topic"] }, TOPIC),
  invalid("hdr without names", within("hdr", { names: undefined }), TOPIC),
  invalid("hdr without a digest", within("hdr", { digest: undefined }), TOPIC),
  invalid("hdr with an empty digest", within("hdr", { digest: "" }), TOPIC),
  invalid("hdr with a member that is not known", within("hdr", { values: ["orders"] }), TOPIC),
  invalid("hdr with no name in its list", within("hdr", { names: [] }), TOPIC),
  invalid("hdr with a text in the place of the list", within("hdr", { names: "x-acme-topic" }), TOPIC),
  invalid("hdr with an empty name", within("hdr", { names: ["x-acme-topic", ""] }), TOPIC),
  invalid("hdr with a name in capital letters", within("hdr", { names: ["X-Acme-Topic"] }), TOPIC),
  invalid("hdr with a line feed after a name", within("hdr", { names: ["x-acme-topic\n"] }), TOPIC),
  invalid("hdr with a number as a name", within("hdr", { names: [1] }), TOPIC),
  invalid("amr that is empty", { amr: [] }, { sender: "initech" }),
  invalid("amr with an empty text", { amr: ["mtls", ""] }),
  invalid("amr that is a text", { amr: "mtls" }),
  invalid("pol in capital letters", ({ pol }) => ({ pol: String(pol).toUpperCase() })),
  invalid("txn that is a number", { txn: 1 }),
  ["assertion_claims_invalid", "claims that are no JSON", (request) => withPayload(request, "claims")],
  ["assertion_claims_invalid", "claims that are a list", (request) => withPayload(request, "[]")],
  [
    "assertion_claims_invalid",
    "claims that are not UTF-8",
    (request) => {
      const text = JSON.stringify({ ...claimsOf(request), sub: "\u00e9" });
      return withPayload(request, Buffer.from(text, "latin1"));
    },
  ],
];

const PARTIES: readonly CaseRow[] = [
  changed("assertion_wrong_issuer", "another issuer", { iss: "https://edge.attacker.example" }),
  changed("assertion_wrong_issuer", "the issuer with a slash at its end", { iss: `${ISSUER}/` }),
  changed("assertion_wrong_audience", "another audience", { aud: "https://other.example.com" }),
  changed("assertion_wrong_audience", "the audience in capital letters", { aud: AUDIENCE.toUpperCase() }),
  changed("assertion_wrong_audience", "an audience that begins with the receiver's", {
    aud: `${AUDIENCE}.attacker.example`,
  }),
];

const at = (code: RefusalCode, name: string, now: number): CaseRow => [code, name, (request) => ({ ...request, now })];

const TIMES: readonly CaseRow[] = [
  at("assertion_not_yet_valid", "eleven seconds before it was issued", NOW - 11),
  at("assertion_not_yet_valid", "an hour before it was issued", NOW - 3600),
  at("assertion_expired", "ten seconds after it has expired", NOW + 70),
  at("assertion_expired", "a day after it was issued", NOW + 86_400),
];

export const CLAIMS: readonly CaseRow[] = [...FORMS, ...PARTIES, ...TIMES];
