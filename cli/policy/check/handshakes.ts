// Finds what is wrong with the handshakes of a policy: challenges that this sender never sends, challenges that nobody answers, a
// secret that must not be shared with another factor, and a secret that must also be a secret of the signature.

import { HANDSHAKE_SCHEMES, type HandshakeRule, type HandshakeSchemeName } from "../../../core/handshake/schemes.ts";
import type { Policy, Sender } from "../../../core/policy/policy.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "../../../core/signature/schemes.ts";
import { errorAt, type Finding, unusedAt, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

/**
 * The signature scheme of each sender that has a handshake scheme too. Senders whose challenges must be signed are not here, because
 * the compiler checks them.
 */
const SIGNATURE_OF: Partial<Readonly<Record<HandshakeSchemeName, SignatureSchemeName>>> = {
  meta: "meta",
  zoom: "zoom",
  x: "x",
};

export function inspectHandshake({ sender, at, name }: InspectedSender, policy: Policy): Finding[] {
  const { handshake } = sender;
  if (handshake === undefined) return [];
  const place = [...at, "handshake"];
  const problem = conflictOf(sender, handshake);
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
    ...(isShadow && !isAnswered
      ? [unusedAt(place, "a shadow sender gets no answer", "move the sender to senders, or remove the handshake")]
      : []),
  ];
}

function conflictOf({ signature, basic }: Sender, { scheme, secret }: HandshakeRule): [string, string] | undefined {
  const own = SIGNATURE_OF[scheme];
  const isOwn =
    own !== undefined && signature !== undefined && SIGNATURE_SCHEMES[own] === SIGNATURE_SCHEMES[signature.scheme];
  if (own !== undefined && signature !== undefined && !isOwn)
    return [`is of another sender than the signature, whose scheme is ${signature.scheme}`, "correct one of the two"];
  if (secret === undefined) return undefined;
  const isSigning = signature?.secrets.includes(secret) === true;
  if (HANDSHAKE_SCHEMES[scheme].isSigned)
    return !isOwn || isSigning
      ? undefined
      : [`${scheme} signs its events and expects this answer with one key`, "name a secret of the signature"];
  const isShared = isSigning || basic.some((rule) => rule.secret === secret);
  return isShared
    ? ["shares its secret with another factor, and the sender writes this token into URLs", "name a secret of its own"]
    : undefined;
}

/**
 * Returns the name of an earlier sender on the route that answers the same challenges with another secret. Schemes with a token
 * have no such conflict, because the token selects the sender.
 */
function rivalOf(sender: Sender, { scheme, secret }: HandshakeRule, senders: readonly Sender[]): string | undefined {
  if (scheme !== "ebay" && !HANDSHAKE_SCHEMES[scheme].isSigned) return undefined;
  const earlier = senders.slice(0, Math.max(0, senders.indexOf(sender)));
  return earlier.find((one) => one.handshake?.scheme === scheme && one.handshake.secret !== secret)?.name;
}
