// The secrets that a policy names, as far as they are here: what an origin behind an edge holds of them, and which of them a
// request is verified with.

import type { Secrets, SenderSecrets } from "../core/candidate.ts";
import type { Sender, SignatureRule } from "../core/policy.ts";
import { type AvailableSecrets, namesOf } from "../core/secrets.ts";
import { SIGNATURE_SCHEMES } from "../core/signature-schemes.ts";

/** What an origin behind an edge holds: the keys of senders of whose secrets at least one is here, and no credentials. */
export function heldSecrets({ secrets, missing }: AvailableSecrets): Secrets {
  const held = Array.from(secrets, ([sender, { signature }]): [Sender, SenderSecrets] => {
    const names = sender.signature === undefined ? [] : namesOf(sender.signature);
    const isHeld = names.some((name) => !missing.get(sender)?.signature.has(name));
    return [sender, { signature: isHeld ? signature : undefined, basic: undefined }];
  });
  return new Map(held);
}

/** The names of the secrets that a request is verified with: those of its account, where the sender has accounts. */
export function signingNames({ scheme, secrets, accounts }: SignatureRule, headers: Headers): readonly string[] {
  const { account } = SIGNATURE_SCHEMES[scheme];
  const id = account === undefined ? null : headers.get(account);
  return (id === null ? undefined : accounts.get(id.toLowerCase())) ?? secrets;
}
