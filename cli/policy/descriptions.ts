// Describes each member of a policy, for the published schema. The worker uses the same schema without these texts.

import { DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_CHAIN_DEPTH } from "../../core/wire.ts";

/** The part of a JSON Schema that this file uses. */
export interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The descriptions, by place in the schema. `*` stands for every member of a record or a list. */
const DESCRIPTIONS: ReadonlyMap<string, string> = new Map([
  ["/anchors", "CA certificates by name, in PEM."],
  [
    "/intermediates",
    "CA certificates by name, in PEM, that may complete a path to an anchor and prove nothing: for proxies that forward none, and for senders that leave theirs out.",
  ],
  ["/anchors/*/certificate", "The CA certificate, in PEM."],
  ["/anchors/*/crls", "Looks up every certificate below this anchor."],
  [
    "/anchors/*/crls/sources",
    "URLs of the revocation lists of this CA and of every CA below it; at an origin also files.",
  ],
  [
    "/anchors/*/crls/freshness",
    "require: without a current list nothing is proven. prefer: a list that is missing or outdated is only logged.",
  ],
  ["/senders/*/about/checked", "A day (its first instant in UTC) or an instant in UTC."],
  [
    "/senders/*/certificates",
    "Accepted certificates; one matching entry is enough. Empty only while every route observes.",
  ],
  ["/senders/*/certificates/*", "One accepted certificate. Every member must match."],
  [
    "/senders/*/certificates/*/subject",
    "RFC 4514 text, which must be the whole name; or attributes, each of which the name must hold with exactly this value (a list: exactly these values in this order).",
  ],
  [
    "/senders/*/certificates/*/issuer",
    "RFC 4514 text, which must be the whole name; or attributes, each of which the name must hold with exactly this value (a list: exactly these values in this order).",
  ],
  [
    "/senders/*/certificates/*/san",
    "Subject alternative names by kind; the certificate must hold every one listed. A `*` is a literal.",
  ],
  ["/senders/*/certificates/*/sha256", "SHA-256 of the certificate's DER."],
  ["/senders/*/certificates/*/spkiSha256", "SHA-256 of the DER of its SubjectPublicKeyInfo."],
  ["/senders/*/certificates/*/from", "Accepted from this instant on."],
  ["/senders/*/certificates/*/until", "No longer accepted from this instant on."],
  ["/senders/*/trust", "What proves this sender's certificate."],
  [
    "/senders/*/trust/anchors",
    "Names of CA certificates in `anchors`; the path to one of them is validated by Countersign itself.",
  ],
  ["/senders/*/trust/platform", "Whether Cloudflare's own verdict must be SUCCESS."],
  [
    "/senders/*/trust/maxChainDepth",
    `CA certificates on the path, the anchor included (Apache's SSLVerifyDepth). Default ${DEFAULT_MAX_CHAIN_DEPTH}.`,
  ],
  ["/senders/*/signature", "The signature that every request of this sender must carry. Present means required."],
  ["/senders/*/signature/secrets", "Names of the secrets, one of which must have signed: several during rotation."],
  [
    "/senders/*/signature/accounts",
    "Secrets by Docusign account id (X-DocuSign-AccountId); an account that is not listed uses `secrets`.",
  ],
  ["/senders/*/signature/retired", "Secrets that are no longer accepted: a signature by one is named in the log."],
  ["/senders/*/basic", "HTTP Basic credentials, one of which every request must carry. Present means required."],
  ["/senders/*/basic/secret", "Name of the secret that is the password."],
  ["/senders/*/basic/*/secret", "Name of the secret that is the password."],
  [
    "/senders/*/token",
    "A static secret in a header that every request of this sender must carry. It is not forwarded. Present means required.",
  ],
  ["/senders/*/token/header", "The header with the token. In Authorization, the token stands after `Bearer`."],
  ["/senders/*/token/secrets", "Names of the secrets, one of which the header must hold: several during rotation."],
  [
    "/senders/*/eventKey",
    "What identifies an event across the sender's retries: a header, or members of a JSON body together.",
  ],
  [
    "/senders/*/orderKey",
    "What events that must be handled one after the other have in common: a header, or members of a JSON body together. Without one there is no order.",
  ],
  [
    "/senders/*/refusal",
    "How a request is answered whose fault the operator has to mend: an unknown issuer, an expired anchor or entry, a changed certificate, a stale list. retry: 503 with Retry-After; retry-429: 429. For senders that drop an event for good at a 4xx. Default final.",
  ],
  [
    "/routes",
    "By exact path, or by prefix ending in /*; the longest wins, anything else is not found. With a host in front (hooks.acme.example/events) for requests to that host alone, at any port unless it names one; such routes come before those without a host.",
  ],
  ["/routes/*/maxBodyBytes", `Default ${DEFAULT_MAX_BODY_BYTES}.`],
  [
    "/routes/*/headers",
    "Further request headers to forward, for example a sender's signature. All others are dropped.",
  ],
  ["/routes/*/mode", "observe: the same verdicts, and each distinct certificate is recorded. Default enforce."],
  [
    "/routes/*/delivery",
    "queue: the edge answers 202 once the event is in its queue, and delivers it until the origin takes it. GET and HEAD ask for an answer and stay direct. Default direct.",
  ],
  [
    "/routes/*/answer",
    "accepted: 202 once the event is stored. handler: what the origin's handler or upstream answers, once its outcome is stored. Default accepted.",
  ],
  [
    "/routes/*/shadow",
    "Senders that would take the place of `senders`: only a different verdict is logged, nothing changes.",
  ],
  ["/deny/*", "A certificate, a key, or a serial number of one issuer. Applies to senders and to every CA on a path."],
  ["/deny/*/sha256", "SHA-256 in hex, with or without colons, in any case."],
  ["/deny/*/spkiSha256", "SHA-256 in hex, with or without colons, in any case."],
  ["/deny/*/issuer", "RFC 4514 text of the issuer's name."],
]);

/** Returns a copy of the schema with the descriptions. @throws Error if a place does not exist */
export function withDescriptions<T extends SchemaNode>(schema: T): T {
  const missing = new Set(DESCRIPTIONS.keys());
  const described = describe(schema, "", missing);
  if (missing.size > 0) throw new Error(`no such place in the schema: ${[...missing].join(", ")}`);
  return described;
}

/** Adds the descriptions below this place. A value that may have several forms is described once, and not for each form. */
function describe<T extends SchemaNode>(node: T, place: string, missing: Set<string>, isForm = false): T {
  const { properties, additionalProperties: rest, items, anyOf } = node;
  const description = isForm ? undefined : DESCRIPTIONS.get(place);
  missing.delete(place);
  return {
    ...node,
    ...(properties && {
      properties: Object.fromEntries(
        Object.entries(properties).map(([name, member]) => [name, describe(member, `${place}/${name}`, missing)]),
      ),
    }),
    ...(typeof rest === "object" && { additionalProperties: describe(rest, `${place}/*`, missing) }),
    ...(items && { items: describe(items, `${place}/*`, missing) }),
    ...(anyOf && { anyOf: anyOf.map((form) => describe(form, place, missing, true)) }),
    ...(description !== undefined && { description }),
  };
}
