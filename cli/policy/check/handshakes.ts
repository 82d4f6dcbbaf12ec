// Finds what is wrong with the handshakes of a policy:
// - a handshake that does not fit the sender's signature
// - challenges that nobody answers
// - a secret of a handshake that another factor also uses, although it must not be shared
// - a secret of a handshake that must also be a secret of the sender's signature, but is not

import { formatPointer } from "../../../core/configuration-error.ts";
import { HANDSHAKE_SCHEMES, type HandshakeRule, type HandshakeSchemeName } from "../../../core/handshake/schemes.ts";
import type { Policy, Sender } from "../../../core/policy/policy.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "../../../core/signature/schemes.ts";
import { findShared } from "../../../origin/secrets.ts";
import { errorAt, type Finding, unusedAt, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

/**
 * For each handshake scheme, the signature scheme of the same vendor. Handshakes whose challenges must be signed are not here,
 * because the compiler checks them.
 */
const SIGNATURE_OF: Partial<Readonly<Record<HandshakeSchemeName, SignatureSchemeName>>> = {
  meta: "meta",
  zoom: "zoom",
  x: "x",
  asana: "asana",
};

/** A handshake that stays open for more days than this causes a warning, because a registration takes minutes. */
const OPEN_DAYS = 7;

export function inspectHandshake({ sender, at, name }: InspectedSender, policy: Policy, now: number): Finding[] {
  const { handshake } = sender;
  if (handshake === undefined) return [];
  const place = [...at, "handshake"];
  const problem = conflictOf(sender, handshake) ?? sharingOf(sender, handshake, policy);
  const rival = policy.routes
    .map(({ senders }) => rivalOf(sender, handshake, senders))
    .find((one) => one !== undefined);
  const isAnswered = policy.routes.some(({ senders }) => senders.includes(sender));
  const isShadow = policy.routes.some(({ shadow }) => shadow.some((one) => one.name === name));
  return [
    ...(problem === undefined ? [] : [errorAt(place, ...problem)]),
    ...(rival === undefined
      ? []
      : [
          warningAt(
            place,
            `is never used on a route that also admits ${rival}: the first sender of a route answers`,
            "give each of the two a route of its own",
          ),
        ]),
    ...(handshake.until !== undefined && handshake.until - now > OPEN_DAYS * 86_400
      ? [
          warningAt(
            [...place, "until"],
            `is more than ${OPEN_DAYS} days away, and until then anybody who passes its other factors gets an answer`,
            "write the time at which the registration will be done",
          ),
        ]
      : []),
    ...(isShadow && !isAnswered
      ? [unusedAt(place, "a shadow sender gets no answer", "move the sender to senders, or remove the handshake")]
      : []),
  ];
}

function conflictOf({ signature }: Sender, { scheme, secret }: HandshakeRule): [string, string] | undefined {
  const own = SIGNATURE_OF[scheme];
  const isOwn =
    own !== undefined && signature !== undefined && SIGNATURE_SCHEMES[own] === SIGNATURE_SCHEMES[signature.scheme];
  if (own !== undefined && signature !== undefined && !isOwn)
    return [`is of another sender than the signature, whose scheme is ${signature.scheme}`, "correct one of the two"];
  const isSigning = secret !== undefined && signature?.secrets.includes(secret) === true;
  return HANDSHAKE_SCHEMES[scheme].isSigned && isOwn && !isSigning
    ? [`${scheme} signs its events and expects this answer with one key`, "name a secret of the signature"]
    : undefined;
}

function sharingOf(sender: Sender, { scheme }: HandshakeRule, { senders }: Policy): [string, string] | undefined {
  const [, other] = findShared(senders).find(([asked]) => asked.sender === sender) ?? [];
  // If the answer signs a text that the asker chooses, and the key also signs events, the compiler already reports the handshake.
  if (other === undefined || (HANDSHAKE_SCHEMES[scheme].isSigned && other.factor === "signature")) return undefined;
  const place = formatPointer(["senders", other.sender.name, other.factor]);
  return [
    `has the secret of ${place} too, and a handshake may reveal its secret or sign with it what anybody asks for`,
    "name a secret of its own",
  ];
}

/**
 * Looks for a sender that comes earlier on the route and answers the same challenges with a different secret. Returns the name of
 * the earlier sender. Schemes with a token have no such conflict, because the token selects the sender.
 */
function rivalOf(sender: Sender, { scheme, secret }: HandshakeRule, senders: readonly Sender[]): string | undefined {
  if (scheme !== "ebay" && !HANDSHAKE_SCHEMES[scheme].isSigned) return undefined;
  const earlier = senders.slice(0, Math.max(0, senders.indexOf(sender)));
  return earlier.find((one) => one.handshake?.scheme === scheme && one.handshake.secret !== secret)?.name;
}
