// Selects the secrets that an origin behind an edge uses.

import type { Secrets, SenderSecrets } from "../../core/admission/candidate.ts";
import { type AvailableSecrets, signatureSecretNames } from "../../core/admission/secrets.ts";
import type { Sender } from "../../core/policy/policy.ts";

/**
 * Returns the signature keys of each sender. If this process has none of a sender's keys, the sender has no keys in the result.
 * Basic credentials and tokens are left out.
 */
export function heldSecrets({ secrets, missing }: AvailableSecrets): Secrets {
  const held = Array.from(secrets, ([sender, { signature }]): [Sender, SenderSecrets] => {
    const names = sender.signature === undefined ? [] : signatureSecretNames(sender.signature);
    const isHeld = names.some((name) => !missing.get(sender)?.signature.has(name));
    return [
      sender,
      { signature: isHeld ? signature : undefined, basic: undefined, token: undefined, handshake: undefined },
    ];
  });
  return new Map(held);
}
