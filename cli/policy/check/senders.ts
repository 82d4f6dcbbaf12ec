// Finds what is wrong with a policy that compiles: contradictions, entries that match nothing, senders that admit nobody, and parts
// that have expired. The command line makes these checks before a policy is deployed. The worker's bundle does not contain this
// file.

import { formatPointer } from "../../../core/configuration-error.ts";
import type { Policy } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { inspectAnchors } from "./anchors.ts";
import { inspectDenied, inspectDenyList } from "./denials.ts";
import { inspectMatchers } from "./entries.ts";
import { errorAt, type Finding, type Place, unusedAt, warningAt } from "./finding.ts";
import { inspectHandshake } from "./handshakes.ts";
import { type InspectedSender, readSenders } from "./inspected-sender.ts";
import { inspectIntermediates } from "./intermediates.ts";
import { inspectNeighbours } from "./neighbours.ts";
import { inspectRoutes } from "./routes.ts";
import { inspectToken } from "./tokens.ts";
import { inspectTrust } from "./trust.ts";
import { inspectWindows } from "./windows.ts";

/**
 * Returns every finding about a policy and its document at `now` (Unix seconds): warnings and errors, in the order of the
 * document. Fetches nothing and reads no secret.
 */
export function inspectPolicy(document: PolicyDocument, policy: Policy, now: number): Finding[] {
  const senders = readSenders(document, policy);
  return [
    ...inspectAnchors(policy, now),
    ...inspectIntermediates(policy, now),
    ...senders.flatMap((sender) => inspectSender(sender, document, policy, now)),
    ...inspectNeighbours(policy.routes, senders),
    ...inspectRoutes(document, policy),
    ...inspectDenyList(document.deny ?? [], policy, senders),
  ];
}

function inspectSender(sender: InspectedSender, document: PolicyDocument, policy: Policy, now: number): Finding[] {
  return [
    ...inspectUse(sender, document),
    ...inspectMatchers(sender),
    ...inspectTrust(sender, policy),
    ...inspectWindows(sender, now),
    ...inspectDenied(sender, document.deny ?? []),
    ...inspectBasic(sender),
    ...inspectToken(sender, policy),
    ...inspectHandshake(sender, policy, now),
    ...inspectSecretNames(sender),
    ...inspectAccounts(document.senders[sender.name]?.signature?.accounts ?? {}, [...sender.at, "signature"]),
  ];
}

function inspectUse({ name, at }: InspectedSender, { routes }: PolicyDocument): Finding[] {
  const isUsed = Object.values(routes).some(
    ({ senders, shadow = [] }) => senders.includes(name) || shadow.includes(name),
  );
  return isUsed ? [] : [unusedAt(at, "no route names it", "add it to the senders of a route, or remove it")];
}

/** Reports credentials that occur twice. Several passwords for one user name are allowed, because they are a rotation. */
function inspectBasic({ sender: { basic }, at }: InspectedSender): Finding[] {
  return basic.flatMap(({ username, secret }, index) => {
    const original = basic.findIndex((other) => other.username === username && other.secret === secret);
    if (original === index) return [];
    const problem = `repeats ${formatPointer([...at, "basic", original])}`;
    return [errorAt([...at, "basic", index], problem, "remove one of them, or correct the name of the secret")];
  });
}

/**
 * Matches a text of digits and capital letters, such as a key in hex or base32. In contrast, the name of a secret consists of
 * words and rarely has digits.
 */
const LIKE_A_KEY = /^(?=(?:[^0-9]*[0-9]){4})[A-Z0-9]{24,}$/;

/** Warns of a secret's name that looks like a key. The finding does not contain the name, because it may be the secret itself. */
function inspectSecretNames({ sender: { signature, basic, token, handshake }, at }: InspectedSender): Finding[] {
  const { secrets = [], retired = [], accounts = new Map<string, readonly string[]>() } = signature ?? {};
  const remedy =
    "if it is the secret itself, replace the secret, and write the name of the variable that contains it; if it is a name, choose a simpler name";
  const lists = [
    ...secrets.map((name, index) => [["signature", "secrets", index], name] as const),
    ...retired.map((name, index) => [["signature", "retired", index], name] as const),
    ...Array.from(accounts, ([id, names]) =>
      names.map((name, index) => [["signature", "accounts", id, index], name] as const),
    ).flat(),
    ...basic.map(({ secret }, index) => [["basic", index, "secret"], secret] as const),
    ...(token?.secrets ?? []).map((name, index) => [["token", "secrets", index], name] as const),
    ...(handshake?.secret === undefined ? [] : [[["handshake", "secret"], handshake.secret] as const]),
  ];
  return lists.flatMap(([place, name]) =>
    LIKE_A_KEY.test(name)
      ? [warningAt([...at, ...place], "looks like a secret, not like the name of a secret", remedy)]
      : [],
  );
}

/**
 * Reports an account id that has two spellings. Ids are compared in lower case, so only the secrets of the last spelling would be
 * used.
 */
function inspectAccounts(accounts: Readonly<Record<string, unknown>>, at: Place): Finding[] {
  const ids = Object.keys(accounts);
  return ids.flatMap((id, index) => {
    const original = ids.slice(0, index).find((other) => other.toLowerCase() === id.toLowerCase());
    if (original === undefined) return [];
    const problem = `is the same account as ${JSON.stringify(original)}: case makes no difference`;
    return [errorAt([...at, "accounts", id], problem, "list the secrets of both under one spelling")];
  });
}
