// A sender as the inspections see it: compiled, as it is written, and its entries in comparable facts.

import { type MatcherFacts, MatcherIndex, readMatcherFacts } from "./matcher-facts.ts";
import type { Policy, Sender } from "./policy.ts";
import type { Place } from "./policy-finding.ts";
import type { PolicyDocument } from "./policy-schema.ts";

export interface InspectedSender {
  readonly name: string;
  readonly at: Place;
  readonly sender: Sender;
  /** Of each entry that compiles, in the same order. */
  readonly facts: readonly MatcherFacts[];
  readonly index: MatcherIndex;
  /** Whether every anchor that it names is there: of what is left of its trust nothing can be concluded. */
  readonly hasWholeTrust: boolean;
}

export function readSenders(document: PolicyDocument, policy: Policy): InspectedSender[] {
  return policy.senders.map((sender) => {
    const { name } = sender;
    const at = ["senders", name];
    const { certificates = [], trust } = document.senders[name] ?? {};
    const facts = certificates.flatMap((entry, index) => readMatcherFacts(entry, [...at, "certificates", index]) ?? []);
    const hasWholeTrust = (trust?.anchors?.length ?? 0) === (sender.certificate?.trust.anchors.length ?? 0);
    return { name, at, sender, facts, index: new MatcherIndex(facts), hasWholeTrust };
  });
}
