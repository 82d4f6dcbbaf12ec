// Loads the secrets that a policy names, once: keys of signatures and Basic credentials. No message quotes a secret. A program
// with a missing or malformed secret does not start.

import { importBasicCredential } from "./basic.ts";
import type { Secrets, SenderSecrets } from "./candidate.ts";
import { ConfigurationError, formatPointer } from "./configuration-error.ts";
import type { BasicRule, Policy, Sender, SignatureRule } from "./policy.ts";
import { importSignatureKey, type SignatureKey, type SignatureKeys } from "./signature.ts";

/** Reads the value of a secret by its name in the policy: from the environment, a file, or a binding of the Worker. What it throws is told. */
export type ReadSecret = (name: string) => unknown;

/**
 * Reads every secret of the policy and imports it. Does not check that it is the one that the sender uses.
 * @throws ConfigurationError that lists each one that is missing or malformed
 */
export function loadSecrets(policy: Policy, read: ReadSecret): Secrets {
  return load(policy, read, ({ signature, basic }, reader) => ({
    signature: signature && reader.signatureKeys(signature),
    basic: basic.length === 0 ? undefined : basic.map((rule) => reader.credential(rule)),
  }));
}

/**
 * Reads the secrets that an origin behind an edge may hold: those of signatures, so that it verifies them itself. If none of a
 * sender's secrets is set, the origin relies on the edge for this sender. If only some are set, that is an error.
 * @throws ConfigurationError that lists each one that is malformed, or missing while others of the sender are set
 */
export function loadHeldSecrets(policy: Policy, read: ReadSecret): Secrets {
  return load(policy, read, ({ signature }, reader) => {
    const isHeld = signature !== undefined && namesOf(signature).some((name) => reader.has(name));
    return { signature: isHeld ? reader.signatureKeys(signature) : undefined, basic: undefined };
  });
}

function load(
  policy: Policy,
  read: ReadSecret,
  readSender: (sender: Sender, reader: SecretReader) => SenderSecrets,
): Secrets {
  const problems: string[] = [];
  const importKey = importOnce();
  const secrets = new Map(
    policy.senders.map((sender) => [
      sender,
      readSender(sender, new SecretReader(sender.name, { read, importKey, problems })),
    ]),
  );
  if (problems.length > 0) throw new ConfigurationError("secrets", problems);
  return secrets;
}

/** Senders with the same secret share its key object, so that a body is hashed with it only once. */
function importOnce(): typeof importSignatureKey {
  const keys = new Map<string, SignatureKey>();
  return (scheme, text) => {
    const id = `${scheme} ${text}`;
    const key = keys.get(id) ?? importSignatureKey(scheme, text);
    keys.set(id, key);
    return key;
  };
}

/** The names of the secrets of a signature, each once. */
export function namesOf({ secrets, accounts, retired }: SignatureRule): string[] {
  return [...new Set([...secrets, ...[...accounts.values()].flat(), ...retired])];
}

/** The names of all secrets that a policy needs. */
export function secretNames({ senders }: Policy): string[] {
  const names = senders.flatMap(({ signature, basic }) => [
    ...(signature === undefined ? [] : namesOf(signature)),
    ...basic.map(({ secret }) => secret),
  ]);
  return [...new Set(names)];
}

interface Loading {
  readonly read: ReadSecret;
  readonly importKey: typeof importSignatureKey;
  readonly problems: string[];
}

class SecretReader {
  readonly #sender: string;
  readonly #loading: Loading;

  constructor(sender: string, loading: Loading) {
    this.#sender = sender;
    this.#loading = loading;
  }

  signatureKeys({ scheme, secrets, accounts, retired }: SignatureRule): SignatureKeys {
    const keysOf = (names: readonly string[]) =>
      names.flatMap(
        (name) => this.#importText("signature", name, (text) => this.#loading.importKey(scheme, text)) ?? [],
      );
    return {
      scheme,
      keys: keysOf(secrets),
      accounts: new Map(Array.from(accounts, ([id, names]) => [id, keysOf(names)])),
      retired: keysOf(retired),
    };
  }

  credential({ username, secret }: BasicRule) {
    // If a credential cannot be read, that is already recorded as a problem and load() throws, so the undefined value is never
    // used.
    return this.#importText("basic", secret, (text) => importBasicCredential(username, text)) as ReturnType<
      typeof importBasicCredential
    >;
  }

  /** What is there and cannot be read is an oversight as well. */
  has(name: string): boolean {
    try {
      return this.#loading.read(name) !== undefined;
    } catch {
      return true;
    }
  }

  #importText<T>(factor: string, name: string, importText: (text: string) => T): T | undefined {
    const place = formatPointer(["senders", this.#sender, factor]);
    const { read, problems } = this.#loading;
    try {
      const text = read(name);
      if (typeof text === "string" && text !== "") return importText(text);
      problems.push(`${place}: the secret ${name} is ${text === "" ? "empty" : "not set"}`);
    } catch (error) {
      problems.push(`${place}: the secret ${name}: ${error instanceof Error ? error.message : error}`);
    }
    return undefined;
  }
}
