// Loads the secrets that a policy names, once: keys of signatures and Basic credentials. No message quotes a secret. An origin
// with a missing or malformed secret does not start; an edge refuses the routes that need it.

import { ConfigurationError, formatPointer } from "../configuration-error.ts";
import { messageOf } from "../failure-chain.ts";
import type { BasicRule, Policy, Sender, SignatureRule } from "../policy/policy.ts";
import { importSignatureKey, type SignatureKey, type SignatureKeys } from "../signature/verify.ts";
import { type BasicCredential, importBasicCredential } from "./basic.ts";
import type { Secrets, SenderSecrets } from "./candidate.ts";

/** Reads the value of a secret by its name in the policy: from the environment, a file, or a binding of the Worker. What it throws is told. */
export type ReadSecret = (name: string) => unknown;

/** The name of a secret, and why it cannot be used. Never its text. */
export type MissingSecrets = ReadonlyMap<string, string>;

/** Those of a sender's signature, and those of its Basic credentials. */
export interface SendersMissingSecrets {
  readonly signature: MissingSecrets;
  readonly basic: MissingSecrets;
}

/** The secrets that are there, and those that are not. */
export interface AvailableSecrets {
  readonly secrets: Secrets;
  readonly missing: ReadonlyMap<Sender, SendersMissingSecrets>;
}

/** The factors of a sender whose secrets are read. */
type WantedFactors = (sender: Sender) => Pick<Sender, "signature" | "basic">;

/**
 * Reads every secret of the policy and imports it. Does not check that it is the one that the sender uses.
 * @throws ConfigurationError that lists each one that is missing or malformed
 */
export function loadSecrets(policy: Policy, read: ReadSecret): Secrets {
  return requireAll(readAvailableSecrets(policy, read));
}

/**
 * Reads the secrets that an origin behind an edge may hold: those of signatures, so that it verifies them itself. If none of a
 * sender's secrets is set, the origin relies on the edge for this sender. If only some are set, that is an error.
 * @throws ConfigurationError that lists each one that is malformed, or missing while others of the sender are set
 */
export function loadHeldSecrets(policy: Policy, read: ReadSecret): Secrets {
  const held: WantedFactors = ({ signature }) => {
    const isHeld = signature !== undefined && signatureSecretNames(signature).some((name) => isSet(name, read));
    return { signature: isHeld ? signature : undefined, basic: [] };
  };
  return requireAll(readAvailableSecrets(policy, read, held));
}

/** A secret that is there and cannot be read counts as set: it is an oversight as well. */
function isSet(name: string, read: ReadSecret): boolean {
  try {
    return read(name) !== undefined;
  } catch {
    return true;
  }
}

/** Imports the secrets that are set. For commands that explain, and for an edge, which refuses the routes of a sender while one of its secrets is missing. */
export function readAvailableSecrets(
  policy: Policy,
  read: ReadSecret,
  wanted: WantedFactors = (sender) => sender,
): AvailableSecrets {
  const secrets = new Map<Sender, SenderSecrets>();
  const missing = new Map<Sender, { signature: MissingSecrets; basic: MissingSecrets }>();
  const importKey = importOnce();
  for (const sender of policy.senders) {
    const lacking = { signature: new Map<string, string>(), basic: new Map<string, string>() };
    const { signature, basic } = wanted(sender);
    secrets.set(sender, {
      signature: signature && readKeys(signature, importKey, readInto(lacking.signature, read)),
      basic: basic.length === 0 ? undefined : readCredentials(basic, readInto(lacking.basic, read)),
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

/** What a sender lacks, each with its place in the policy. */
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

function readCredentials(rules: readonly BasicRule[], read: ReadInto): BasicCredential[] {
  return rules.flatMap(({ username, secret }) => read(secret, (text) => importBasicCredential(username, text)));
}

/** What is made of a secret; nothing of one that is missing. */
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

/** Senders with the same secret share its key object, so that a body is hashed with it only once. */
function importOnce(): ImportKey {
  const keys = new Map<string, SignatureKey>();
  return (scheme, text) => {
    const id = `${scheme} ${text}`;
    const key = keys.get(id) ?? importSignatureKey(scheme, text);
    keys.set(id, key);
    return key;
  };
}

/** The names of the secrets of a signature, each once. */
export function signatureSecretNames({ secrets, accounts, retired }: SignatureRule): string[] {
  return [...new Set([...secrets, ...[...accounts.values()].flat(), ...retired])];
}

/** The names of all secrets that a policy needs. */
export function secretNames({ senders }: Policy): string[] {
  const names = senders.flatMap(({ signature, basic }) => [
    ...(signature === undefined ? [] : signatureSecretNames(signature)),
    ...basic.map(({ secret }) => secret),
  ]);
  return [...new Set(names)];
}
