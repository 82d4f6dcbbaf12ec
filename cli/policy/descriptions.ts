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
    "CA certificates by name, in PEM. They may complete a path to an anchor, but prove nothing themselves. Needed if a sender or a proxy leaves intermediates out.",
  ],
  ["/anchors/*/certificate", "The CA certificate, in PEM."],
  ["/anchors/*/crls", "The revocation lists in which every certificate below this anchor is looked up."],
  [
    "/anchors/*/crls/sources",
    "URLs of the revocation lists of this CA and of every CA below it; at an origin also files.",
  ],
  [
    "/anchors/*/crls/freshness",
    "require: without a current list nothing is proven. prefer: a list that is missing or outdated is only logged.",
  ],
  ["/senders/*/about/checked", "A day (from 00:00 UTC) or a time in UTC."],
  [
    "/senders/*/certificates",
    "Accepted certificates; one matching entry is enough. Empty only while every route observes.",
  ],
  ["/senders/*/certificates/*", "One accepted certificate. Every member must match."],
  [
    "/senders/*/certificates/*/subject",
    "The whole name as RFC 4514 text; or attributes, each of which the name must have with exactly this value (for a list: exactly these values in this order).",
  ],
  [
    "/senders/*/certificates/*/issuer",
    "The whole name as RFC 4514 text; or attributes, each of which the name must have with exactly this value (for a list: exactly these values in this order).",
  ],
  [
    "/senders/*/certificates/*/san",
    "Subject alternative names by kind; the certificate must have every listed name. A `*` matches only a `*`.",
  ],
  ["/senders/*/certificates/*/sha256", "SHA-256 of the certificate's DER."],
  ["/senders/*/certificates/*/spkiSha256", "SHA-256 of the DER of its SubjectPublicKeyInfo."],
  ["/senders/*/certificates/*/from", "Accepted from this time on."],
  ["/senders/*/certificates/*/until", "No longer accepted from this time on."],
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
  [
    "/senders/*/signature/retired",
    "Secrets that are no longer accepted. If one of them made a signature, the log names it.",
  ],
  ["/senders/*/basic", "HTTP Basic credentials, one of which every request must carry. Present means required."],
  ["/senders/*/basic/secret", "Name of the secret that is the password."],
  ["/senders/*/basic/*/secret", "Name of the secret that is the password."],
  [
    "/senders/*/token",
    "A static secret that every request of this sender must carry: in a header, which is not forwarded, or in the JSON body. Present means required.",
  ],
  ["/senders/*/token/header", "The header with the token. In Authorization, the token stands after `Bearer`."],
  [
    "/senders/*/token/pointer",
    "A JSON pointer to the token in the body. `*` stands for every element of an array. There must be a token in each of them.",
  ],
  ["/senders/*/token/secrets", "Names of the secrets, one of which the token must be: several during rotation."],
  [
    "/senders/*/handshake",
    "How this sender asks whether the endpoint is yours. The edge, or an origin without an edge, answers and stores nothing.",
  ],
  [
    "/senders/*/handshake/secret",
    "Name of the secret of the handshake: the token that meta, ebay and acrobat-sign compare, or the key with which zoom and x sign. The others have none.",
  ],
  [
    "/senders/*/handshake/until",
    "Only for asana: YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ. From this time, challenges are refused.",
  ],
  [
    "/senders/*/body",
    "Values that a JSON body must have, so that an event of another customer of the same vendor is refused. Each entry must match.",
  ],
  [
    "/senders/*/body/*/pointer",
    "A JSON pointer. `*` stands for every element of an array. It must lead to a string in each of them.",
  ],
  ["/senders/*/body/*/in", "The strings that are accepted there, compared exactly."],
  [
    "/senders/*/eventKey",
    "Identifies an event in all retries of the sender: a header, or members of a JSON body together.",
  ],
  [
    "/senders/*/orderKey",
    "Events with the same order key are handled one after the other. The key is a header, or members of a JSON body together. Without an order key, there is no order.",
  ],
  [
    "/senders/*/refusal",
    "The answer to a request that is refused for a reason that the operator has to correct: an unknown issuer, an expired anchor or entry, a changed certificate, an outdated list. retry: 503 with Retry-After; retry-429: 429. For senders that never send an event again after a 4xx. Default final.",
  ],
  [
    "/routes",
    "Routes by exact path, or by prefix ending in /*. The longest match is used, and any other path is not found. A name that begins with a host (hooks.acme.example/events) is only for requests to that host, at any port unless the name contains a port. Routes with a host come before routes without a host.",
  ],
  ["/routes/*/maxBodyBytes", `Default ${DEFAULT_MAX_BODY_BYTES}.`],
  [
    "/routes/*/headers",
    "Further request headers to forward, for example a sender's signature. All others are dropped.",
  ],
  ["/routes/*/mode", "observe: the same verdicts, and each distinct certificate is recorded. Default enforce."],
  [
    "/routes/*/delivery",
    "queue: the edge answers 202 once the event is in its queue, and tries to deliver it until the origin accepts it. GET and HEAD are always direct, because the sender needs the answer. Default direct.",
  ],
  [
    "/routes/*/answer",
    "accepted: 202 once the event is stored. handler: what the origin's handler or upstream answers, once its outcome is stored. An object: this answer once the event is stored. Default accepted.",
  ],
  ["/routes/*/answer/type", "The media type of the body, in UTF-8. Without it, the answer has no Content-Type."],
  [
    "/routes/*/shadow",
    "Senders to try instead of `senders`. If their verdict differs, it is logged; the answer does not change.",
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
