// Makes the form of a sender that the inspections need: the compiled sender, with its entries in a form that can be compared.

import type { Policy, Sender } from "../../../core/policy/policy.ts";
import type { PolicyDocument } from "../../../core/policy/schema.ts";
import { compiles, type EntryConditions, keyOf, MatcherIndex, readEntryConditions } from "./conditions.ts";
import type { Place } from "./finding.ts";

export interface InspectedSender {
  readonly name: string;
  readonly at: Place;
  readonly sender: Sender;
  /** The conditions of each entry that compiles, in the order of the entries in the document. */
  readonly facts: readonly EntryConditions[];
  /** The index of the entries. If several entries mean the same, the index has only the first one. */
  readonly index: MatcherIndex;
  /**
   * True if every anchor that the sender names is in the policy. If an anchor is missing, the inspections draw no conclusion from
   * the other anchors.
   */
  readonly hasWholeTrust: boolean;
}

export function readSenders(document: PolicyDocument, policy: Policy): InspectedSender[] {
  return policy.senders.map((sender) => {
    const { name } = sender;
    const at = ["senders", name];
    const { certificates = [], trust } = document.senders[name] ?? {};
    const isWhole = sender.certificate?.allowlist.matchers.length === certificates.length;
    const facts = certificates.flatMap((entry, index) =>
      isWhole || compiles(entry) ? [readEntryConditions(entry, [...at, "certificates", index])] : [],
    );
    const distinct = new Map(facts.toReversed().map((entry) => [keyOf(entry), entry]));
    const hasWholeTrust = (trust?.anchors?.length ?? 0) === (sender.certificate?.trust.anchors.length ?? 0);
    return { name, at, sender, facts, index: new MatcherIndex([...distinct.values()]), hasWholeTrust };
  });
}
