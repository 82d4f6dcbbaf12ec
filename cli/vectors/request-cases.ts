// Cases with a valid token. The request or its certificate differs from what the token was issued for, or the request is replayed.

import { digestBody } from "../../core/delivery/delivery.ts";
import type { RefusalCode } from "../../core/refusal.ts";
import { CLIENT_CERT_HEADER, CONTENT_DIGEST_HEADER } from "../../core/wire.ts";
import { ACCEPTED } from "./accepted-cases.ts";
import { type CaseRow, unchanged } from "./case-row.ts";
import { ACME, ACME_AGAIN, INTERMEDIATE } from "./certificates.ts";
import { claimsOf, otherSignature, withClaims, withHeader, withSignature } from "./forge.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";

const digestOf = (body: Uint8Array) => digestBody(Uint8Array.from(body)).contentDigest;

/** Changes the bytes of the body, but not the Content-Digest. */
const body =
  (change: (text: string) => string) =>
  (request: ForwardedRequest): ForwardedRequest => ({
    ...request,
    body: Buffer.from(change(Buffer.from(request.body).toString())),
  });

const field = (
  code: RefusalCode,
  header: string,
  name: string,
  values: readonly string[],
  sent: SentEvent = {},
): CaseRow => [code, name, (request) => withHeader(request, header, ...values), sent];

const target = (name: string, received: string, sent: SentEvent = {}): CaseRow => [
  "request_mismatch",
  name,
  (request) => ({ ...request, target: received }),
  sent,
];

const QUERY: SentEvent = { target: "/hooks/acme/orders?a=1&b=2" };

const TARGETS: readonly CaseRow[] = [
  ["request_mismatch", "another method", (request) => ({ ...request, method: "PUT" })],
  target("another path", "/hooks/acme/invoices"),
  target("a slash at the end of the path", "/hooks/acme/orders/"),
  target("a query that was not signed", "/hooks/acme/orders?admin=1"),
  target("a query that was dropped", "/hooks/acme/orders", QUERY),
  target("the parameters of the query in another order", "/hooks/acme/orders?b=2&a=1", QUERY),
  [
    "request_mismatch",
    "what was sent to one host alone, at a receiver that knows no hosts",
    (request) =>
      withClaims(request, {
        req: { ...(claimsOf(request)["req"] as object), target: `//hooks.acme.example${request.target}` },
      }),
  ],
  target("the query in another encoding", "/hooks/acme/orders?a=%31&b=2", QUERY),
  field("request_mismatch", "content-type", "another content type", ["text/plain"]),
  field("request_mismatch", "content-type", "a content type with a parameter more", [
    "application/json; charset=utf-8",
  ]),
  field("request_mismatch", "content-type", "the content type in other letters", ["Application/json"]),
  field("request_mismatch", "content-type", "no content type", []),
  field("request_mismatch", "content-type", "the content type in two fields", ["application/json", "application/json"]),
  field("request_mismatch", "content-type", "a content type where none was signed", ["application/json"], {
    contentType: null,
  }),
];

const BODIES: readonly CaseRow[] = [
  ["body_mismatch", "another body", body((text) => text.replace("4711", "4712"))],
  [
    "body_mismatch",
    "another body, with a Content-Digest of its own",
    (request) => {
      const changed = body((text) => text.replace("4711", "4712"))(request);
      return withHeader(changed, CONTENT_DIGEST_HEADER, digestOf(changed.body));
    },
  ],
  ["body_mismatch", "a line feed after the body", body((text) => `${text}\n`)],
  ["body_mismatch", "the same JSON, written anew", body((text) => JSON.stringify(JSON.parse(text), null, 1))],
  ["body_mismatch", "no body", body(() => "")],
  field("body_mismatch", CONTENT_DIGEST_HEADER, "no Content-Digest", []),
  field("body_mismatch", CONTENT_DIGEST_HEADER, "the Content-Digest of another body", [digestOf(new Uint8Array())]),
  [
    "body_mismatch",
    "Content-Digest in two fields",
    (request) => withHeader(request, CONTENT_DIGEST_HEADER, digestOf(request.body), digestOf(request.body)),
  ],
];

const certificate = (code: RefusalCode, name: string, values: readonly string[], sent?: SentEvent) =>
  field(code, CLIENT_CERT_HEADER, name, values, sent);

const CERTIFICATES: readonly CaseRow[] = [
  certificate("certificate_mismatch", "no Client-Cert", []),
  certificate("certificate_mismatch", "another certificate of the same subject and issuer", [`:${ACME_AGAIN}:`]),
  certificate("certificate_mismatch", "the intermediate in place of the certificate", [`:${INTERMEDIATE}:`], {
    sender: "mueller",
  }),
  certificate("certificate_mismatch", "a certificate beside an assertion that names none", [`:${ACME}:`], {
    sender: "initech",
  }),
  certificate("certificate_malformed", "Client-Cert in two fields", [`:${ACME}:`, `:${ACME}:`]),
  certificate("certificate_malformed", "Client-Cert without its colons", [ACME]),
  certificate("certificate_malformed", "Client-Cert with a parameter", [`:${ACME}:;a=1`]),
  certificate("certificate_malformed", "an empty Client-Cert", ["::"]),
  certificate("certificate_malformed", "Client-Cert without its padding", [`:${ACME.replace(/=+$/, "")}:`]),
];

const [[, FIRST]] = ACCEPTED as readonly [CaseRow];
const HELD = "an assertion that first came with another body";

/** These cases must be sent in this order. A refused request does not use up its assertion, but an accepted request does. */
const AGAIN: readonly CaseRow[] = [
  ["body_mismatch", HELD, body((text) => `${text} `)],
  ["accept", "the same assertion with its own body, after it was refused with another", unchanged, { of: HELD }],
  ["replayed", "the same request again", unchanged, { of: HELD }],
  ["replayed", "the first event of all again", unchanged, { of: FIRST }],
  [
    "replayed",
    "the same claims under the other ECDSA signature",
    (request) => withSignature(request, otherSignature),
    { of: HELD },
  ],
];

export const REQUESTS: readonly CaseRow[] = [...TARGETS, ...BODIES, ...CERTIFICATES, ...AGAIN];
