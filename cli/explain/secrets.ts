// Selects secrets of a policy: those that an origin behind an edge has, and those that verify a request.

import type { Secrets, SenderSecrets } from "../../core/admission/candidate.ts";
import { type AvailableSecrets, signatureSecretNames } from "../../core/admission/secrets.ts";
import type { Sender, SignatureRule } from "../../core/policy/policy.ts";
import { SIGNATURE_SCHEMES } from "../../core/signature/schemes.ts";

/** The secrets of an origin behind an edge: the signing keys of each sender that has at least one secret here. No credentials. */
export function heldSecrets({ secrets, missing }: AvailableSecrets): Secrets {
  const held = Array.from(secrets, ([sender, { signature }]): [Sender, SenderSecrets] => {
    const names = sender.signature === undefined ? [] : signatureSecretNames(sender.signature);
    const isHeld = names.some((name) => !missing.get(sender)?.signature.has(name));
    return [sender, { signature: isHeld ? signature : undefined, basic: undefined }];
  });
  return new Map(held);
}

/** The names of the secrets that verify a request: those of its account, if the sender has accounts. */
export function signingNames({ scheme, secrets, accounts }: SignatureRule, headers: Headers): readonly string[] {
  const { account } = SIGNATURE_SCHEMES[scheme];
  const id = account === undefined ? null : headers.get(account);
  return (id === null ? undefined : accounts.get(id.toLowerCase())) ?? secrets;
}
