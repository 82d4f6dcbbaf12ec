// Finds handshakes whose answers could be signatures of events.

import { HANDSHAKE_SCHEMES } from "../handshake/schemes.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "../signature/schemes.ts";
import type { PolicyDocument } from "./schema.ts";

/**
 * Finds each handshake whose answer is signed with a key that also signs events. Returns the name of the sender and the name of the
 * secret. Ignores a signature scheme in which the signed text of an event can never be the text of an answer (isUnlikeAnswers).
 */
export function findSignedForAskers(senders: PolicyDocument["senders"]): (readonly [name: string, secret: string])[] {
  const signing = new Set(
    Object.values(senders).flatMap(({ signature }) => {
      if (signature === undefined || isUnlikeAnswers(signature.scheme)) return [];
      const { secrets = [], accounts = {}, retired = [] } = signature;
      return [secrets, retired, ...Object.values(accounts)].flat();
    }),
  );
  return Object.entries(senders).flatMap(([name, { handshake }]) =>
    handshake?.secret && HANDSHAKE_SCHEMES[handshake.scheme].isSigned && signing.has(handshake.secret)
      ? [[name, handshake.secret] as const]
      : [],
  );
}

/**
 * Returns true if the signed text of every event contains something that signable() refuses in the text of an answer. This is a
 * colon before the body, as in the schemes of Slack and Zoom, or a brace at the start of the body. With these schemes, one key may
 * sign the events and the answers of a handshake. The asker of a handshake chooses the text of the answer, but a signed answer is
 * never a valid signature of an event.
 */
export function isUnlikeAnswers(scheme: SignatureSchemeName): boolean | undefined {
  const { prefix, hasObject } = SIGNATURE_SCHEMES[scheme];
  return hasObject || prefix?.("", "").includes(":");
}
