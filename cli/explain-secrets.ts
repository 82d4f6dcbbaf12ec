// The secrets that a policy names, as far as they are here. What is missing is named, and the factor is not judged by it;
// an edge or an origin would not start without.

import { type BasicCredential, importBasicCredential } from "../core/basic.ts";
import type { Secrets, SenderSecrets } from "../core/candidate.ts";
import type { BasicRule, Policy, Sender, SignatureRule } from "../core/policy.ts";
import { namesOf, type ReadSecret } from "../core/secrets.ts";
import { importSignatureKey, type SignatureKey } from "../core/signature.ts";
import { SIGNATURE_SCHEMES } from "../core/signature-schemes.ts";

/** The name of a secret, and why it cannot be used. Never its text. */
export type MissingSecrets = ReadonlyMap<string, string>;

export interface AvailableSecrets {
  readonly secrets: Secrets;
  /** By sender: those of its signature, and those of its Basic credentials. */
  readonly missing: ReadonlyMap<Sender, { readonly signature: MissingSecrets; readonly basic: MissingSecrets }>;
}

/** Reads what is there. */
export function readAvailableSecrets(policy: Policy, read: ReadSecret): AvailableSecrets {
  const secrets = new Map<Sender, SenderSecrets>();
  const missing = new Map<Sender, { signature: MissingSecrets; basic: MissingSecrets }>();
  for (const sender of policy.senders) {
    const lacking = { signature: new Map<string, string>(), basic: new Map<string, string>() };
    secrets.set(sender, {
      signature: sender.signature && readKeys(sender.signature, read, lacking.signature),
      basic: sender.basic.length === 0 ? undefined : readCredentials(sender.basic, read, lacking.basic),
    });
    missing.set(sender, lacking);
  }
  return { secrets, missing };
}

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

function readKeys(rule: SignatureRule, read: ReadSecret, missing: Map<string, string>) {
  const { scheme, secrets, accounts, retired } = rule;
  const keysOf = (names: readonly string[]): SignatureKey[] =>
    names.flatMap((name) => attempt(name, read, missing, (text) => importSignatureKey(scheme, text)) ?? []);
  return {
    scheme,
    keys: keysOf(secrets),
    accounts: new Map(Array.from(accounts, ([id, names]) => [id, keysOf(names)])),
    retired: keysOf(retired),
  };
}

function readCredentials(rules: readonly BasicRule[], read: ReadSecret, missing: Map<string, string>) {
  return rules.flatMap(
    ({ username, secret }): BasicCredential[] | BasicCredential =>
      attempt(secret, read, missing, (text) => importBasicCredential(username, text)) ?? [],
  );
}

function attempt<T>(
  name: string,
  read: ReadSecret,
  missing: Map<string, string>,
  importText: (text: string) => T,
): T | undefined {
  try {
    const text = read(name);
    if (typeof text === "string" && text !== "") return importText(text);
    missing.set(name, `secret ${name} is ${text === "" ? "empty" : "not set"}`);
  } catch (error) {
    missing.set(name, `secret ${name}: ${error instanceof Error ? error.message : error}`);
  }
  return undefined;
}
