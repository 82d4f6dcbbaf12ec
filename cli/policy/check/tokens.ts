// Finds what is weak about the token of a sender. A request contains the token itself. So whoever reads one request can send any
// event. If another secret has the same value as the token, such a reader also knows that secret.

import { secretNames } from "../../../core/admission/secrets.ts";
import { formatPointer, parsePointer } from "../../../core/configuration-error.ts";
import type { EventKeyRule, Policy, Sender, TokenRule } from "../../../core/policy/policy.ts";
import { errorAt, type Finding, warningAt } from "./finding.ts";
import type { InspectedSender } from "./inspected-sender.ts";

export function inspectToken({ sender, at }: InspectedSender, policy: Policy): Finding[] {
  const { token } = sender;
  if (token === undefined) return [];
  const place = [...at, "token"];
  return [
    ...inspectAlone(sender, place),
    ...token.secrets.flatMap((secret, index) => {
      const others = policy.senders.filter((other) => usesElsewhere(other, secret, sender, policy));
      const users = others.map(({ name }) => formatPointer(["senders", name])).join(", ");
      const problem = `is sent as it is with each request, and is a secret of ${users} too`;
      const remedy = "name a secret of its own: whoever receives it here could act there";
      return others.length === 0 ? [] : [errorAt([...place, "secrets", index], problem, remedy)];
    }),
    ...routesOf(policy, sender).flatMap((neighbours) =>
      neighbours.flatMap(({ name, eventKey, orderKey }) => {
        const keys = Object.entries({ eventKey, orderKey }).filter(([, key]) => readsToken(key, token));
        return keys.map(([member]) =>
          errorAt(
            ["senders", name, member],
            `reads the token of ${formatPointer(place)}, and a key is stored and shown with the event, also after its body is erased`,
            "name another header, or other pointers into the body",
          ),
        );
      }),
    ),
  ];
}

function inspectAlone({ certificate, signature }: Sender, place: readonly (string | number)[]): Finding[] {
  if (certificate !== undefined || signature !== undefined) return [];
  const problem =
    "is all that this sender proves: whoever reads one request, at the sender or on the way, can send any event";
  return [warningAt([...place], problem, "require a certificate or a signature as well, if the sender has one")];
}

/**
 * Returns true if `other` uses the secret for a factor other than the token. Also returns true if the secret is the token of
 * `other`, and `other` shares no route with `sender`. Senders of one route may share a token on purpose.
 */
function usesElsewhere(other: Sender, secret: string, sender: Sender, policy: Policy): boolean {
  const { token, ...rest } = other;
  const ofOthers = secretNames({ ...policy, senders: [{ ...rest, token: undefined }] });
  if (ofOthers.includes(secret)) return true;
  const isNeighbour = other === sender || routesOf(policy, sender).some((neighbours) => neighbours.includes(other));
  return token?.secrets.includes(secret) === true && !isNeighbour;
}

function routesOf({ routes }: Policy, sender: Sender): (readonly Sender[])[] {
  return routes.map(({ senders, shadow }) => [...senders, ...shadow]).filter((names) => names.includes(sender));
}

function readsToken(key: EventKeyRule | undefined, { header, pointer }: TokenRule): boolean {
  if (key === undefined) return false;
  return "header" in key ? key.header === header : key.pointers.some((one) => mayMeet(one, pointer ?? ""));
}

/**
 * Returns true if `ofKey`, a pointer of an event key or order key, may select the token at the pointer `ofToken`. `ofToken` may
 * have `*` where `ofKey` has an index.
 */
function mayMeet(ofKey: string, ofToken: string): boolean {
  const [names, pattern] = [parsePointer(ofKey), parsePointer(ofToken)];
  return names.length === pattern.length && pattern.every((name, index) => name === "*" || name === names[index]);
}
