// Cases about the sender's headers that the edge forwards: unchanged headers, changed headers, and headers that a proxy added.

import { formatContentDigest } from "../../core/delivery/delivery.ts";
import { type CaseRow, unchanged } from "./case-row.ts";
import { withClaims, withHeader } from "./forge.ts";
import type { ForwardedRequest, SentEvent } from "./issue.ts";

const TOPIC = "x-acme-topic";
const TAGS = "x-acme-tags";
const NOTE = "x-acme-note";

const SENT: SentEvent = { headers: { "user-agent": "acme/1.0", [TOPIC]: "orders", [TAGS]: "new, paid", [NOTE]: "" } };

const received = (verdict: "accept" | "headers_mismatch", name: string, header: string, values: readonly string[]) =>
  [verdict, name, (request: ForwardedRequest) => withHeader(request, header, ...values), SENT] as const;

/** Cases that a receiver must accept. */
const HONEST: readonly CaseRow[] = [
  ["accept", "headers that the edge forwarded", unchanged, SENT],
  ["accept", "headers of an event whose sender has no certificate", unchanged, { ...SENT, sender: "initech" }],
  [
    "accept",
    "the headers in another order",
    (request) => ({ ...request, headers: request.headers.toReversed() }),
    SENT,
  ],
  received("accept", "a list that a hop split into two fields", TAGS, ["new", "paid"]),
  received("accept", "a header that a hop added, which the assertion does not name", "x-request-id", ["1"]),
  [
    "accept",
    "a header of the hop's own program, beside an assertion that names none",
    (request) => withHeader(request, "user-agent", "hop/1.0"),
  ],
  [
    "accept",
    "names in another order, which is that of the digest",
    (request) => withClaims(request, { hdr: claimOver([NOTE, ""], [TOPIC, "orders"], [TAGS, "new, paid"]) }),
    SENT,
  ],
];

/** Returns the claim that an edge would make for these headers. */
function claimOver(...fields: readonly (readonly [name: string, value: string])[]) {
  const lines = fields.map(([name, value]) => `${name}: ${value}\n`);
  return { names: fields.map(([name]) => name), digest: formatContentDigest(lines.join("")) };
}

const CHANGED: readonly CaseRow[] = [
  received("headers_mismatch", "another value of a signed header", TOPIC, ["refunds"]),
  received("headers_mismatch", "a signed header in other letters", TOPIC, ["Orders"]),
  received("headers_mismatch", "a signed header without its value", TOPIC, [""]),
  received("headers_mismatch", "a signed header that was removed", TOPIC, []),
  received("headers_mismatch", "an empty signed header that was removed", NOTE, []),
  received("headers_mismatch", "an empty signed header with a value", NOTE, ["paid"]),
  received("headers_mismatch", "a signed header twice", TOPIC, ["orders", "orders"]),
  received("headers_mismatch", "a second value before the signed one", TOPIC, ["refunds", "orders"]),
  received("headers_mismatch", "a second value after the signed one", TOPIC, ["orders", "refunds"]),
  received("headers_mismatch", "a second, empty value after the signed one", TOPIC, ["orders", ""]),
  received("headers_mismatch", "a list in two fields in the other order", TAGS, ["paid", "new"]),
  received("headers_mismatch", "a list without the blank after its comma", TAGS, ["new,paid"]),
  received("headers_mismatch", "a list with another blank", TAGS, ["new,  paid"]),
  received("headers_mismatch", "a header of the sender's program that a hop replaced", "user-agent", ["hop/1.0"]),
  [
    "headers_mismatch",
    "the values of two signed headers in each other's place",
    (request) => withHeader(withHeader(request, TOPIC, "new, paid"), TAGS, "orders"),
    SENT,
  ],
  [
    "headers_mismatch",
    "a name fewer in the claim, under the digest of all",
    (request) => withClaims(request, { hdr: { ...claimOver([TOPIC, "orders"], [TAGS, "new, paid"]), names: [TOPIC] } }),
    SENT,
  ],
  [
    "headers_mismatch",
    "a name more in the claim, under the digest of the others",
    (request) => withClaims(request, { hdr: { ...claimOver([TOPIC, "orders"]), names: [TOPIC, TAGS] } }),
    SENT,
  ],
  [
    "headers_mismatch",
    "the digest without its colons",
    (request) => {
      const { names, digest } = claimOver([TOPIC, "orders"]);
      return withClaims(request, { hdr: { names, digest: digest.replaceAll(":", "") } });
    },
    SENT,
  ],
];

export const HEADERS: readonly CaseRow[] = [...HONEST, ...CHANGED];
