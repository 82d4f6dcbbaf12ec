// Finds handshakes whose answers could be signatures of events.

import { HANDSHAKE_SCHEMES } from "../handshake/schemes.ts";
import { SIGNATURE_SCHEMES } from "../signature/schemes.ts";
import type { PolicyDocument } from "./schema.ts";

/**
 * Returns the sender and the secret of each handshake that signs a text of the asker with a key of events. A key may do both only
 * if the signed text of an event contains what signable() refuses: a colon before the body, as of Slack and Zoom, or a brace at the
 * start of the body.
 */
export function findSignedForAskers(senders: PolicyDocument["senders"]): (readonly [name: string, secret: string])[] {
  const signing = new Set(
    Object.values(senders).flatMap(({ signature }) => {
      if (signature === undefined) return [];
      const { prefix, hasObject } = SIGNATURE_SCHEMES[signature.scheme];
      if (hasObject || prefix?.("", "").includes(":")) return [];
      const { secrets = [], accounts = {}, retired = [] } = signature;
      return [...secrets, ...Object.values(accounts).flat(), ...retired];
    }),
  );
  return Object.entries(senders).flatMap(([name, { handshake }]) =>
    handshake?.secret !== undefined && HANDSHAKE_SCHEMES[handshake.scheme].isSigned && signing.has(handshake.secret)
      ? [[name, handshake.secret] as const]
      : [],
  );
}
