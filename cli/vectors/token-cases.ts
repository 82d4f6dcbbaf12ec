// Tokens that differ from those that the edge issues: another spelling, another header, or a signature by another key.

import { createHmac, createPublicKey, generateKeyPairSync } from "node:crypto";
import { type PrivateJwk, publicJwk } from "../../core/assertion/keys.ts";
import { ASSERTION_HEADER } from "../../core/wire.ts";
import type { CaseRow } from "./case-row.ts";
import {
  type Members,
  privateKey,
  protectedHeaderOf,
  signedPartOf,
  signText,
  tokenOf,
  withHeader,
  withProtectedHeader,
  withSignature,
  withToken,
} from "./forge.ts";
import type { ForwardedRequest } from "./issue.ts";
import { FIRST_KEY, SECOND_KEY, STRANGER_KEY } from "./world.ts";

type Change = (request: ForwardedRequest) => ForwardedRequest;

const token =
  (change: (token: string) => string): Change =>
  (request) =>
    withToken(request, change(tokenOf(request)));

const signature =
  (change: (signature: string) => string): Change =>
  (request) =>
    withSignature(request, change);

/** Changes members of the edge's header, and signs with the edge's key. */
const header =
  (change: Members): Change =>
  (request) =>
    withProtectedHeader(request, { ...protectedHeaderOf(request), ...change });

const resigned =
  (sign: (input: string) => string): Change =>
  (request) =>
    withSignature(request, () => sign(signedPartOf(request)));

/** Changes `alg` in the token, and signs with the given function. */
const algorithm =
  (alg: string, sign: (input: string) => string): Change =>
  (request) =>
    resigned(sign)(header({ alg })(request));

const keyOfCurve = (namedCurve: string) => generateKeyPairSync("ec", { namedCurve }).privateKey;

/** Signs by HMAC with the public key as the secret. The secret is PEM, because libraries have the key in this form. */
const hmac = (jwk: PrivateJwk) => (input: string) => {
  const pem = createPublicKey(privateKey(jwk)).export({ type: "spki", format: "pem" });
  return createHmac("sha256", pem).update(input).digest("base64url");
};

/** Changes the unused bits of the last base64url character, so that the decoded octets stay the same. */
const looseBits = (text: string) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1);

const FORMS: readonly CaseRow[] = [
  ["assertion_missing", "no assertion", (request) => withHeader(request, ASSERTION_HEADER)],
  ["assertion_malformed", "an empty assertion", token(() => "")],
  [
    "assertion_malformed",
    "the assertion in two fields",
    (request) => withHeader(request, ASSERTION_HEADER, tokenOf(request), tokenOf(request)),
  ],
  [
    "assertion_malformed",
    "a second assertion that is none, after a good one",
    (request) => withHeader(request, ASSERTION_HEADER, tokenOf(request), "x"),
  ],
  ["assertion_malformed", "an authorization scheme before the token", token((text) => `Bearer ${text}`)],
  ["assertion_malformed", "two segments", token((text) => text.slice(0, text.lastIndexOf(".")))],
  ["assertion_malformed", "four segments", token((text) => `${text}.e30`)],
  ["assertion_malformed", "five segments, as of an encrypted token", token((text) => `${text}.e30.e30`)],
  ["assertion_malformed", "an empty signature", signature(() => "")],
  ["assertion_malformed", "a signature with padding", signature((text) => `${text}==`)],
  ["assertion_malformed", "a signature whose last character has other unused bits", signature(looseBits)],
  ["assertion_malformed", "a signature in the alphabet of plain base64", signature((text) => `+/${text.slice(2)}`)],
  ["assertion_malformed", "a blank in the signature", signature((text) => `${text.slice(0, 40)} ${text.slice(40)}`)],
  ["assertion_malformed", "a percent-encoded full stop", token((text) => text.replace(".", "%2E"))],
  ["assertion_malformed", "a longer token than any that is issued", token((text) => `${text}${"A".repeat(24 * 1024)}`)],
  [
    "assertion_malformed",
    "a header that is no JSON",
    token((text) => text.replace(/^[^.]+/, Buffer.from("alg=ES256").toString("base64url"))),
  ],
  [
    "assertion_malformed",
    "a header that is a list",
    token((text) => text.replace(/^[^.]+/, Buffer.from("[]").toString("base64url"))),
  ],
];

const HEADERS: readonly CaseRow[] = [
  [
    "assertion_malformed",
    "alg none, without a signature",
    (request) => withSignature(header({ alg: "none" })(request), () => ""),
  ],
  ["assertion_malformed", "alg none, with a signature", header({ alg: "none" })],
  ["assertion_malformed", "alg HS256, with the public key as the secret", algorithm("HS256", hmac(FIRST_KEY))],
  [
    "assertion_malformed",
    "alg ES384, by a key on P-384",
    algorithm("ES384", (input) => signText(input, keyOfCurve("P-384"))),
  ],
  [
    "assertion_malformed",
    "alg ES256K, by a key on secp256k1",
    algorithm("ES256K", (input) => signText(input, keyOfCurve("secp256k1"))),
  ],
  ["assertion_malformed", "alg in small letters", header({ alg: "es256" })],
  ["assertion_malformed", "no alg", header({ alg: undefined })],
  ["assertion_malformed", "another typ", header({ typ: "JWT" })],
  ["assertion_malformed", "no typ", header({ typ: undefined })],
  ["assertion_malformed", "no kid", header({ kid: undefined })],
  ["assertion_malformed", "a kid that is no text", header({ kid: 1 })],
  ["assertion_malformed", "a critical member in the header", header({ crit: ["b64"], b64: false })],
  ["assertion_malformed", "an address of keys in the header", header({ jku: "https://attacker.example/jwks.json" })],
  [
    "assertion_malformed",
    "a stranger's own key in the header, and his signature",
    (request) =>
      withProtectedHeader(
        request,
        { ...protectedHeaderOf(request), jwk: publicJwk(STRANGER_KEY) },
        privateKey(STRANGER_KEY),
      ),
  ],
];

const SIGNATURES: readonly CaseRow[] = [
  [
    "assertion_key_unknown",
    "a kid that is not published",
    (request) =>
      withProtectedHeader(request, { ...protectedHeaderOf(request), kid: STRANGER_KEY.kid }, privateKey(STRANGER_KEY)),
  ],
  [
    "assertion_key_unknown",
    "the kid of a published key in capital letters",
    header({ kid: FIRST_KEY.kid.toUpperCase() }),
  ],
  [
    "assertion_signature_invalid",
    "a stranger's signature under the kid of a published key",
    resigned((input) => signText(input, privateKey(STRANGER_KEY))),
  ],
  [
    "assertion_signature_invalid",
    "a signature by the other published key",
    resigned((input) => signText(input, privateKey(SECOND_KEY))),
  ],
  [
    "assertion_signature_invalid",
    "alg ES256, and an HMAC with the public key as the secret",
    resigned(hmac(FIRST_KEY)),
  ],
  [
    "assertion_signature_invalid",
    "alg ES256, by a key on P-384",
    resigned((input) => signText(input, keyOfCurve("P-384"))),
  ],
  [
    "assertion_signature_invalid",
    "alg ES256, by a key on secp256k1",
    resigned((input) => signText(input, keyOfCurve("secp256k1"))),
  ],
  [
    "assertion_signature_invalid",
    "a signature in ASN.1",
    resigned((input) => signText(input, privateKey(FIRST_KEY), "der")),
  ],
  ["assertion_signature_invalid", "a signature of zeros", signature(() => Buffer.alloc(64).toString("base64url"))],
  [
    "assertion_signature_invalid",
    "a signature without its last octet",
    signature((text) => Buffer.from(text, "base64url").subarray(0, 63).toString("base64url")),
  ],
  [
    "assertion_signature_invalid",
    "a signature with an octet more",
    signature((text) => Buffer.concat([Buffer.from(text, "base64url"), Buffer.of(0)]).toString("base64url")),
  ],
  [
    "assertion_signature_invalid",
    "claims that were changed after they were signed",
    token((text) => changeClaims(text)),
  ],
];

function changeClaims(text: string): string {
  const [head, payload = "", signature] = text.split(".");
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const changed = Buffer.from(JSON.stringify({ ...claims, sender: "mueller" })).toString("base64url");
  return `${head}.${changed}.${signature}`;
}

export const TOKENS: readonly CaseRow[] = [...FORMS, ...HEADERS, ...SIGNATURES];
