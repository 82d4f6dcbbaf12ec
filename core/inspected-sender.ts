// A sender as the inspections see it: compiled, as it is written, and its entries in comparable facts.

import { compiles, keyOf, type MatcherFacts, MatcherIndex, readMatcherFacts } from "./matcher-facts.ts";
import type { Policy, Sender } from "./policy.ts";
import type { Place } from "./policy-finding.ts";
import type { PolicyDocument } from "./policy-schema.ts";

export interface InspectedSender {
  readonly name: string;
  readonly at: Place;
  readonly sender: Sender;
  /** Of each entry that compiles, in the same order. */
  readonly facts: readonly MatcherFacts[];
  /** Of the first of those that say the same. */
  readonly index: MatcherIndex;
  /** Whether every anchor that it names is there: of what is left of its trust nothing can be concluded. */
  readonly hasWholeTrust: boolean;
}

export function readSenders(document: PolicyDocument, policy: Policy): InspectedSender[] {
  return policy.senders.map((sender) => {
    const { name } = sender;
    const at = ["senders", name];
    const { certificates = [], trust } = document.senders[name] ?? {};
    const isWhole = sender.certificate?.allowlist.matchers.length === certificates.length;
    const facts = certificates.flatMap((entry, index) =>
      isWhole || compiles(entry) ? [readMatcherFacts(entry, [...at, "certificates", index])] : [],
    );
    const distinct = new Map(facts.toReversed().map((entry) => [keyOf(entry), entry]));
    const hasWholeTrust = (trust?.anchors?.length ?? 0) === (sender.certificate?.trust.anchors.length ?? 0);
    return { name, at, sender, facts, index: new MatcherIndex([...distinct.values()]), hasWholeTrust };
  });
}
