// What a preset is: members of a policy, ready to be written, and what an operator must know and do beside it.
// Data alone. A value that its vendor has not published is left out and named in `notes`, never guessed.

import type { PolicyDocument, SenderDocument } from "../../core/policy-schema.ts";

export interface Preset {
  /** What sends, in one line. */
  readonly title: string;
  /** As in the policy. Without an accepted certificate its route observes until one is added. */
  readonly sender: Omit<SenderDocument, "about">;
  readonly route: Omit<PolicyDocument["routes"][string], "senders">;
  /** Where the certificate of each anchor in `sender.trust` comes from. */
  readonly anchors: Readonly<Record<string, AnchorSource>>;
  /** What the value of each secret is, in the sender's words. */
  readonly secrets: Readonly<Record<string, string>>;
  /** What to switch on, at the sender or for it. */
  readonly steps: readonly string[];
  /** What is not published, not certain, bound to change, or not proven. Written into the policy. */
  readonly notes: readonly string[];
  readonly sources: readonly string[];
  /** The day on which the sources were read. */
  readonly checked: string;
}

export type AnchorSource = PublicRoot | PrivateAnchor;

/** A root in the store that Node brings along, found there by its fingerprint. */
export interface PublicRoot {
  readonly subject: string;
  readonly sha256: string;
}

/** A CA that no public store holds: its file must be given. */
export interface PrivateAnchor {
  readonly what: string;
  readonly where: string;
  /** Where it is published. */
  readonly sha256?: string;
}
