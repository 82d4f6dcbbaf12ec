// Finds handshakes whose answers could be signatures of events.

import { HANDSHAKE_SCHEMES } from "../handshake/schemes.ts";
import { SIGNATURE_SCHEMES, type SignatureSchemeName } from "../signature/schemes.ts";
import type { PolicyDocument } from "./schema.ts";

/**
 * Returns the sender and the secret of each handshake that signs a text of the asker with a key of events, unless
 * the two kinds of text differ.
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
 * Returns true if the signed text of an event always contains what signable() refuses: a colon before the body, as of Slack and
 * Zoom, or a brace at the start of the body. The key of such events may sign texts of askers too.
 */
export function isUnlikeAnswers(scheme: SignatureSchemeName): boolean | undefined {
  const { prefix, hasObject } = SIGNATURE_SCHEMES[scheme];
  return hasObject || prefix?.("", "").includes(":");
}
