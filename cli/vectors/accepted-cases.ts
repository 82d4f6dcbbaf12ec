// Cases that a receiver must accept: every form of request that an edge sends, the first and the last second of a token, and
// changes of a token that do no harm.

import { type CaseRow, unchanged } from "./case-row.ts";
import { otherSignature, protectedHeaderOf, withClaims, withProtectedHeader, withSignature } from "./forge.ts";
import { NOW, SECOND_KEY } from "./world.ts";

const DAY = 86_400;

export const ACCEPTED: readonly CaseRow[] = [
  ["accept", "a POST by a sender with a certificate", unchanged],
  ["accept", "a second event of the same sender, with the same bytes", unchanged],
  ["accept", "signed by the second key of the set", unchanged, { key: SECOND_KEY }],
  [
    "accept",
    "a certificate below an intermediate, the platform's verdict, a subject beyond ASCII, all factors",
    unchanged,
    { sender: "mueller" },
  ],
  ["accept", "a sender without a certificate", unchanged, { sender: "initech" }],
  ["accept", "an event that waited in the queue for an hour", unchanged, { waited: 3600 }],
  ["accept", "an event that waited in the queue for a second", unchanged, { waited: 1 }],
  ["accept", "an event that waited in the queue for thirty days", unchanged, { waited: 30 * DAY }],
  [
    "accept",
    "a body that is no text",
    unchanged,
    { contentType: "application/octet-stream", body: Buffer.from("00ff80c328e228a10d0a00", "hex") },
  ],
  [
    "accept",
    "a body with a byte order mark, CRLF and letters beyond ASCII",
    unchanged,
    { contentType: "text/plain;charset=utf-8", body: "\ufeffGrüße\r\n→ 😀\r\n" },
  ],
  ["accept", "a POST without a body and without a content type", unchanged, { contentType: null, body: "" }],
  ["accept", "a GET", unchanged, { method: "GET", contentType: null, body: "" }],
  ["accept", "a PUT", unchanged, { method: "PUT" }],
  [
    "accept",
    "a target whose path and query hold encoded characters",
    unchanged,
    { target: "/hooks/acme/caf%C3%A9%20au%20lait?b=2&a=1&a=%20+%2F%2e%e9" },
  ],
  [
    "accept",
    "a content type in capital letters, with parameters",
    unchanged,
    { contentType: 'Application/JSON; charset="UTF-8"; v=1' },
  ],
  ["accept", "ten seconds before it was issued, by the receiver's clock", (request) => ({ ...request, now: NOW - 10 })],
  ["accept", "nine seconds after it has expired", (request) => ({ ...request, now: NOW + 69 })],
  ["accept", "a life of one second", (request) => withClaims(request, { exp: NOW + 1 })],
  [
    "accept",
    "the members of the protected header in another order",
    (request) => {
      const { alg, kid, typ } = protectedHeaderOf(request);
      return withProtectedHeader(request, { typ, kid, alg });
    },
  ],
  ["accept", "the other ECDSA signature over the same text", (request) => withSignature(request, otherSignature)],
];
