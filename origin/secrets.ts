// Loads all secrets of a policy, for an origin without an edge. A handshake may reveal its secret, or may use it to sign a text
// that anybody chooses. So the secret of a handshake must not have the value of another secret. `isUnsafe` knows the exceptions.

import type { Secrets } from "../core/admission/candidate.ts";
import { importSecrets, type ReadSecret, signatureSecretNames } from "../core/admission/secrets.ts";
import { ConfigurationError, formatPointer } from "../core/configuration-error.ts";
import { HANDSHAKE_SCHEMES } from "../core/handshake/schemes.ts";
import { isUnlikeAnswers } from "../core/policy/handshake-keys.ts";
import type { Policy, Sender } from "../core/policy/policy.ts";

/**
 * Reads and imports every secret of the policy. Cannot check that the sender has the same secret.
 * @throws ConfigurationError that lists each secret that is missing or malformed, and each handshake whose secret has the value of
 * another secret
 */
export function loadSecrets(policy: Policy, read: ReadSecret): Secrets {
  const texts = new Map<string, unknown>();
  const problems: string[] = [];
  const secrets = collect(problems, () =>
    importSecrets(policy, (name) => {
      const text = read(name);
      texts.set(name, text);
      return text;
    }),
  );
  problems.push(...describeShared(policy, (name) => texts.get(name)));
  if (secrets === undefined || problems.length > 0) throw new ConfigurationError("secrets", problems);
  return secrets;
}

function collect<T>(problems: string[], load: () => T): T | undefined {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** Describes each handshake whose secret has the value of another secret. No description contains the value. */
export function describeShared({ senders }: Policy, textOf: (secret: string) => unknown): string[] {
  return findShared(senders, textOf).map(([{ sender, secret }, other]) => {
    const place = formatPointer(["senders", sender.name, "handshake"]);
    const otherPlace = formatPointer(["senders", other.sender.name, other.factor]);
    const same = other.secret === secret ? "is also the secret of" : `has the value of ${other.secret} of`;
    return `${place}: the secret ${secret} ${same} ${otherPlace}, and a handshake needs a secret of its own`;
  });
}

/** The member of a sender that names a secret, and the name of the secret. */
export interface SecretUse {
  readonly sender: Sender;
  readonly factor: "signature" | "basic" | "token" | "handshake";
  readonly secret: string;
}

/**
 * Returns each handshake whose secret is also used where this is not allowed, together with the first such use. `textOf` returns
 * the text of a secret. A secret whose text is empty or undefined is not set, so it is not compared.
 */
export function findShared(
  senders: readonly Sender[],
  textOf: (secret: string) => unknown = (name) => name,
): (readonly [handshake: SecretUse, other: SecretUse])[] {
  const byText = Map.groupBy(senders.flatMap(usesOf), ({ secret }) => textOf(secret) || undefined);
  byText.delete(undefined);
  return [...byText.values()].flatMap((uses) =>
    uses.flatMap((use) => {
      const other = uses.find((one) => isUnsafe(use, one));
      return other === undefined ? [] : [[use, other] as const];
    }),
  );
}

/** Returns true if the first use is that of a handshake, and the second use must not have the same secret. */
function isUnsafe({ sender: { handshake }, factor: asked }: SecretUse, { sender, factor }: SecretUse): boolean {
  if (asked !== "handshake" || handshake === undefined) return false;
  // Two handshakes of the same scheme may share a secret, for example those of two apps of Meta.
  if (factor === "handshake") return sender.handshake?.scheme !== handshake.scheme;
  const isSigning = factor === "signature" && HANDSHAKE_SCHEMES[handshake.scheme].isSigned === true;
  return !isSigning || sender.signature === undefined || !isUnlikeAnswers(sender.signature.scheme);
}

/** Returns every secret that a sender names, once for each factor. */
function usesOf(sender: Sender): SecretUse[] {
  const { signature, basic, token, handshake } = sender;
  const names: Readonly<Record<SecretUse["factor"], readonly string[]>> = {
    signature: signature === undefined ? [] : signatureSecretNames(signature),
    basic: basic.map(({ secret }) => secret),
    token: token?.secrets ?? [],
    handshake: handshake?.secret === undefined ? [] : [handshake.secret],
  };
  const factors = Object.keys(names) as SecretUse["factor"][];
  return factors.flatMap((factor) => names[factor].map((secret) => ({ sender, factor, secret })));
}
