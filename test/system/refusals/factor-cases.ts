// Refusals because of signatures, Basic credentials and tokens. In the cases at the edge, the request is wrong. In the cases at
// the origin, the request is right, but the edge did not check a factor that the origin requires.

import { createHmac } from "node:crypto";
import { gzipSync } from "node:zlib";
import { compilePolicy } from "../../../core/policy/compile.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import type { Problem, RefusalCode } from "../../../core/refusal.ts";
import { forwardedRequest } from "../../support/forgery.ts";
import { exchange } from "../../support/http.ts";
import { ACME, MARKER } from "../../support/senders.ts";
import { tlsClientAuth } from "../../support/tls-client-auth.ts";
import type { RefusalCase } from "./world.ts";

/** The secrets that the policy of these cases names. */
export const FACTOR_SECRETS = {
  QUILLON_KEY: `${MARKER}-0123456789abcdef`,
  QUILLON_VERIFY_TOKEN: `${MARKER}-token-0123`,
  QUILLON_X_SECRET: `${MARKER}-secret-of-x-0123`,
  QUILLON_PASSWORD: `${MARKER}-password`,
  QUILLON_TOKEN: `${MARKER}-token-of-the-sender`,
} as const;

export function factorPolicy({ anchors, senders }: PolicyDocument): PolicyDocument {
  const methods = ["POST"];
  const secrets = ["QUILLON_KEY"];
  return {
    anchors,
    senders: {
      [`${MARKER}-github`]: { signature: { scheme: "github", secrets } },
      [`${MARKER}-slack`]: { signature: { scheme: "slack", secrets } },
      [`${MARKER}-docusign`]: { signature: { scheme: "docusign", accounts: { "known-account": secrets } } },
      [`${MARKER}-token`]: { token: { header: "X-Quillon-Token", secrets: ["QUILLON_TOKEN"] } },
      [`${MARKER}-meta`]: {
        signature: { scheme: "meta", secrets },
        handshake: { scheme: "meta", secret: "QUILLON_VERIFY_TOKEN" },
      },
      [`${MARKER}-x`]: {
        signature: { scheme: "github", secrets },
        handshake: { scheme: "x", secret: "QUILLON_X_SECRET" },
      },
      [`${MARKER}-asana`]: {
        signature: { scheme: "asana", secrets },
        handshake: { scheme: "asana", until: "2026-01-01" },
      },
      [`${MARKER}-tenant`]: { ...senders[ACME], body: [{ pointer: "/pix/*/chave", in: ["our-key"] }] },
      [`${MARKER}-basic`]: { ...senders[ACME], basic: { username: "acme", secret: "QUILLON_PASSWORD" } },
    },
    routes: {
      "/hooks/github": { senders: [`${MARKER}-github`], methods },
      "/hooks/slack": { senders: [`${MARKER}-slack`], methods },
      "/hooks/docusign": { senders: [`${MARKER}-docusign`], methods },
      "/hooks/token": { senders: [`${MARKER}-token`], methods },
      "/hooks/meta": { senders: [`${MARKER}-meta`], methods },
      "/hooks/x": { senders: [`${MARKER}-x`], methods },
      "/hooks/asana": { senders: [`${MARKER}-asana`], methods },
      "/hooks/tenant": { senders: [`${MARKER}-tenant`], methods, maxBodyBytes: 2 * 1024 * 1024 },
      "/hooks/basic": { senders: [`${MARKER}-basic`], methods },
    },
  };
}

const BODY = '{"event":"x"}';
const sign = (text: string, encoding: "hex" | "base64" = "hex", key: string = FACTOR_SECRETS.QUILLON_KEY) =>
  createHmac("sha256", key).update(text).digest(encoding);

function atEdge(
  code: RefusalCode,
  name: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  problem: Problem = "signature-not-verified",
  { status = 401, method = "POST", body: sent = BODY as string | Uint8Array<ArrayBuffer> } = {},
): RefusalCase {
  return {
    code,
    name,
    status,
    problem,
    async provoke({ factors, acme }) {
      const asked = { target: path, method, headers, body: sent, tls: tlsClientAuth(acme) };
      const response = await factors.edge.send(asked);
      const body = Buffer.from(await response.arrayBuffer());
      const answer = { status: response.status, headers: Object.fromEntries(response.headers), body };
      return { answer, lines: factors.edge.lines };
    },
  };
}

const basic = (code: RefusalCode, name: string, headers: Readonly<Record<string, string>>) =>
  atEdge(code, name, "/hooks/basic", headers, "credentials-required");
const token = (code: RefusalCode, name: string, headers: Readonly<Record<string, string>>) =>
  atEdge(code, name, "/hooks/token", headers, "credentials-required");
const credentials = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
const AS_JSON = { "content-type": "application/json" };
const tenant = (
  code: RefusalCode,
  name: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = AS_JSON,
) => atEdge(code, name, "/hooks/tenant", headers, "sender-not-allowed", { status: 403, body });
const PIX = '{"pix":[{"chave":"our-key"}]}';
const hub = (signature: string) => ({ "x-hub-signature-256": `sha256=${signature}` });

const challenge = (code: RefusalCode, name: string, target: string) =>
  atEdge(code, name, target, {}, "challenge-refused", { status: 403, method: "GET" });
const META = "/hooks/meta?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=";

export const FACTOR_CASES: readonly RefusalCase[] = [
  atEdge("signature_missing", "a request without its signature", "/hooks/github", {}),
  atEdge("signature_malformed", "a signature that is cut", "/hooks/github", hub(sign(BODY).slice(0, 63))),
  atEdge(
    "signature_mismatch",
    "a signature by another key",
    "/hooks/github",
    hub(sign(BODY, "hex", "another key 01234")),
  ),
  atEdge("signature_mismatch", "a signature over another body", "/hooks/github", hub(sign(`${BODY} `))),
  atEdge("signature_stale", "a signature of ten minutes ago", "/hooks/slack", {
    "x-slack-request-timestamp": String(Math.floor(Date.now() / 1000) - 600),
    "x-slack-signature": `v0=${sign(BODY)}`,
  }),
  atEdge("signature_key_unknown", "an account that has no key", "/hooks/docusign", {
    "x-docusign-accountid": "another-account",
    "x-docusign-signature-1": sign(BODY, "base64"),
  }),
  token("token_missing", "a request without its token", {}),
  token("token_malformed", "a token with a space", { "x-quillon-token": "two words-and-more" }),
  token("token_mismatch", "another token", { "x-quillon-token": "a-guess-of-the-token" }),
  atEdge(
    "challenge_unexpected",
    "a challenge on a route without its handshake",
    "/hooks/github?crc_token=abc",
    {},
    "method-not-allowed",
    { status: 405, method: "GET" },
  ),
  challenge("challenge_malformed", "a challenge with two texts", "/hooks/x?crc_token=abc&crc_token=abc"),
  challenge("challenge_malformed", "a challenge with an empty text", "/hooks/x?crc_token="),
  challenge("challenge_too_long", "a challenge with a long text", `/hooks/x?crc_token=${"a".repeat(513)}`),
  challenge("challenge_is_event", "the text of an event", `/hooks/x?crc_token=${encodeURIComponent(BODY)}`),
  challenge("challenge_token_mismatch", "another verify token", `${META}guess`),
  atEdge(
    "challenge_closed",
    "a challenge after the end of its handshake",
    "/hooks/asana",
    { "x-hook-secret": "b537207f20cbfa02" },
    "challenge-refused",
    { status: 403, body: "" },
  ),
  tenant("content_not_json", "a body that is said to be text", PIX, { "content-type": "text/plain" }),
  tenant("content_encoded", "a compressed body", new Uint8Array(gzipSync(PIX)), {
    ...AS_JSON,
    "content-encoding": "gzip",
  }),
  tenant("json_too_large", "more than 1 MiB of JSON", `{"pix":[{"chave":"our-key"}],"a":"${"a".repeat(1024 * 1024)}"}`),
  tenant("json_not_utf8", "octets that are not UTF-8", Uint8Array.from([0x22, 0xff, 0x22])),
  tenant("json_with_bom", "a byte order mark", `\uFEFF${PIX}`),
  tenant("json_malformed", "a body that breaks off", PIX.slice(0, -1)),
  tenant("json_repeated_name", "two keys in one element", '{"pix":[{"chave":"our-key","chave":"another"}]}'),
  tenant("json_lone_surrogate", "a surrogate that is alone", '{"pix":[{"chave":"our-key"}],"a":"\\ud800"}'),
  tenant("json_too_deep", "a hundred arrays in one another", "[".repeat(100) + "]".repeat(100)),
  tenant("json_too_many_matches", "20,000 elements", `{"pix":[${Array(20_000).fill('{"chave":"our-key"}')}]}`),
  tenant("json_value_missing", "an element without a key", '{"pix":[{"chave":"our-key"},{}]}'),
  tenant("json_not_text", "a number in place of the key", '{"pix":[{"chave":1}]}'),
  tenant("json_value_not_listed", "another customer's key", '{"pix":[{"chave":"our-key"},{"chave":"another"}]}'),
  basic("basic_missing", "a request without credentials", {}),
  basic("basic_malformed", "credentials of another scheme", { authorization: "Bearer abc" }),
  basic("basic_mismatch", "another password", credentials("acme:guess")),
];

/** The edge checked only the certificate, and its assertion says so. The policy of this origin also requires Basic credentials. */
export const FACTOR_ORIGIN_CASES: readonly RefusalCase[] = [
  {
    code: "factor_missing",
    name: "an edge that did not check Basic credentials",
    status: 401,
    problem: "assertion-refused",
    async provoke({ factors: { origin, policy }, acme, key }) {
      const policyDigest = compilePolicy(policy).digest;
      const request = forwardedRequest({
        key,
        identity: acme,
        policyDigest,
        target: "/hooks/basic",
        sender: `${MARKER}-basic`,
      });
      return { answer: await exchange({ url: origin.url, ...request }), lines: origin.lines };
    },
  },
];
