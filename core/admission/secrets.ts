// Loads the secrets that a policy names: keys of signatures, Basic credentials, tokens, and the secrets of handshakes. No message
// quotes a secret. An origin does not start if a secret that it needs is missing or malformed. An edge starts, and refuses only the
// routes that need the missing secret.

import { ConfigurationError, formatPointer } from "../configuration-error.ts";
import { messageOf } from "../failure-chain.ts";
import type { HandshakeRule } from "../handshake/schemes.ts";
import type { BasicRule, Policy, Sender, SignatureRule } from "../policy/policy.ts";
import { importSignatureKey, type SignatureKey, type SignatureKeys } from "../signature/verify.ts";
import { importBasicCredential } from "./basic.ts";
import type { Secrets, SenderSecrets } from "./candidate.ts";
import type { Credential } from "./credential.ts";
import { importToken } from "./token.ts";

/**
 * Reads the value of a secret by its name in the policy: from the environment, a file, or a binding of the Worker. If it throws,
 * the message of the error is reported.
 */
export type ReadSecret = (name: string) => unknown;

/** The names of secrets that cannot be used, each with the reason. Never holds the value of a secret. */
export type MissingSecrets = ReadonlyMap<string, string>;

/** The missing secrets of one sender, by the member of the policy that names them. */
export type SendersMissingSecrets = Readonly<Record<keyof SenderSecrets, MissingSecrets>>;

/** The secrets that could be read, and those that could not. */
export interface AvailableSecrets {
  readonly secrets: Secrets;
  readonly missing: ReadonlyMap<Sender, SendersMissingSecrets>;
}

/** Returns those rules of a sender for which secrets are read. The secrets of the sender's other rules are not read. */
type WantedFactors = (sender: Sender) => Pick<Sender, keyof SenderSecrets>;

/**
 * Reads and imports every secret of the policy. Does not check whether two secrets are equal. Cannot check that the sender has the
 * same secret.
 * @throws ConfigurationError that lists each secret that is missing or malformed
 */
export function importSecrets(policy: Policy, read: ReadSecret): Secrets {
  return requireAll(readAvailableSecrets(policy, read));
}

/**
 * Reads the secrets of signatures, which an origin behind an edge may hold. With them, the origin verifies the signatures itself.
 * If none of a sender's secrets is set, the origin relies on the edge for this sender. It is an error if only some are set.
 * @throws ConfigurationError that lists each secret that is malformed, or that is missing while other secrets of its sender are set
 */
export function loadHeldSecrets(policy: Policy, read: ReadSecret): Secrets {
  const held: WantedFactors = ({ signature }) => {
    const isHeld = signature !== undefined && signatureSecretNames(signature).some((name) => isSet(name, read));
    return { signature: isHeld ? signature : undefined, basic: [], token: undefined, handshake: undefined };
  };
  return requireAll(readAvailableSecrets(policy, read, held));
}

/** A secret that exists but cannot be read counts as set. Otherwise the origin would rely on the edge without a warning. */
function isSet(name: string, read: ReadSecret): boolean {
  try {
    return read(name) !== undefined;
  } catch {
    return true;
  }
}

/**
 * Imports the secrets that are set, and lists the missing or malformed secrets. Commands that explain a request use this function.
 * An edge uses it too, and refuses the routes of a sender as long as one of this sender's secrets is missing.
 */
export function readAvailableSecrets(
  policy: Policy,
  read: ReadSecret,
  wanted: WantedFactors = (sender) => sender,
): AvailableSecrets {
  const secrets = new Map<Sender, SenderSecrets>();
  const missing = new Map<Sender, SendersMissingSecrets>();
  const importKey = importOnce();
  for (const sender of policy.senders) {
    const lacking = { signature: new Map(), basic: new Map(), token: new Map(), handshake: new Map() };
    const { signature, basic, token, handshake } = wanted(sender);
    secrets.set(sender, {
      signature: signature && readKeys(signature, importKey, readInto(lacking.signature, read)),
      basic: basic.length === 0 ? undefined : readCredentials(basic, readInto(lacking.basic, read)),
      token: token?.secrets.flatMap((name) => readInto(lacking.token, read)(name, importToken)),
      handshake: readHandshakeSecret(handshake, readInto(lacking.handshake, read)),
    });
    missing.set(sender, lacking);
  }
  return { secrets, missing };
}

function requireAll({ secrets, missing }: AvailableSecrets): Secrets {
  const problems = [...missing.keys()].flatMap((sender) => describeMissing(sender, missing));
  if (problems.length > 0) throw new ConfigurationError("secrets", problems);
  return secrets;
}

/** Lists the secrets that a sender lacks, each with its place in the policy. */
export function describeMissing(sender: Sender, missing: AvailableSecrets["missing"]): string[] {
  return Object.entries(missing.get(sender) ?? {}).flatMap(([factor, faults]: [string, MissingSecrets]) =>
    Array.from(faults.values(), (fault) => `${formatPointer(["senders", sender.name, factor])}: the ${fault}`),
  );
}

type ImportKey = typeof importSignatureKey;

function readKeys(
  { scheme, secrets, accounts, retired }: SignatureRule,
  importKey: ImportKey,
  read: ReadInto,
): SignatureKeys {
  const keysOf = (names: readonly string[]) => names.flatMap((name) => read(name, (text) => importKey(scheme, text)));
  return {
    scheme,
    keys: keysOf(secrets),
    accounts: new Map(Array.from(accounts, ([id, names]) => [id, keysOf(names)])),
    retired: keysOf(retired),
  };
}

function readCredentials(rules: readonly BasicRule[], read: ReadInto): Credential[] {
  return rules.flatMap(({ username, secret }) => read(secret, (text) => importBasicCredential(username, text)));
}

/**
 * Returns the token or key of a handshake. In every handshake scheme, the secret is the text itself: nothing is decoded. The
 * signature scheme `meta` treats its keys in the same way, so the secret is imported as a key of `meta`.
 */
function readHandshakeSecret(rule: HandshakeRule | undefined, read: ReadInto): SignatureKey | undefined {
  return rule?.secret === undefined
    ? undefined
    : read(rule.secret, (text) => {
        // eBay accepts only a token of this form when an endpoint is registered.
        if (rule.scheme === "ebay" && !/^[\w-]{32,80}$/.test(text))
          throw new SyntaxError("it is not 32 to 80 letters, digits, _ or -");
        return importSignatureKey("meta", text);
      })[0];
}

/** Returns the imported secret in an array. The array is empty if the secret is missing or malformed. */
type ReadInto = <T>(name: string, importText: (text: string) => T) => T[];

function readInto(missing: Map<string, string>, read: ReadSecret): ReadInto {
  return (name, importText) => {
    try {
      const text = read(name);
      if (typeof text === "string" && text !== "") return [importText(text)];
      missing.set(name, `secret ${name} is ${text === "" ? "empty" : "not set"}`);
    } catch (error) {
      missing.set(name, `secret ${name}: ${messageOf(error)}`);
    }
    return [];
  };
}

/** Senders with the same secret share one key object, so that a body is hashed only once with this secret. */
function importOnce(): ImportKey {
  const keys = new Map<string, SignatureKey>();
  return (scheme, text) => {
    const id = `${scheme} ${text}`;
    const key = keys.get(id) ?? importSignatureKey(scheme, text);
    keys.set(id, key);
    return key;
  };
}

/** The names of all secrets of a signature rule, each once. */
export function signatureSecretNames({ secrets, accounts, retired }: SignatureRule): string[] {
  return [...new Set([...secrets, ...[...accounts.values()].flat(), ...retired])];
}

/** The names of all secrets that a policy needs. */
export function secretNames({ senders }: Policy): string[] {
  const names = senders.flatMap(({ signature, basic, token, handshake }) => [
    ...(signature === undefined ? [] : signatureSecretNames(signature)),
    ...basic.map(({ secret }) => secret),
    ...(token?.secrets ?? []),
    ...(handshake?.secret === undefined ? [] : [handshake.secret]),
  ]);
  return [...new Set(names)];
}
