// A preset: members of a policy, ready to be written, and what an operator must know and do in addition. Data only. A value that
// its vendor has not published is left out and named in `notes`, never guessed.

import type { PolicyDocument, SenderDocument } from "../../core/policy/schema.ts";

export interface Preset {
  /** The sender in one line. */
  readonly title: string;
  /** The sender as in a policy. If it has no accepted certificate, its route observes until one is added. */
  readonly sender: Omit<SenderDocument, "about">;
  readonly route: Omit<PolicyDocument["routes"][string], "senders">;
  /** Where the certificate of each anchor in `sender.trust` comes from. */
  readonly anchors: Readonly<Record<string, AnchorSource>>;
  /** Describes the value of each secret, in the sender's own terms. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Steps for the operator, at the sender or for it. */
  readonly steps: readonly string[];
  /** Facts that are not published, not certain, not proven, or likely to change. They are written into the policy. */
  readonly notes: readonly string[];
  readonly sources: readonly string[];
  /** The day on which the sources were read. */
  readonly checked: string;
}

export type AnchorSource = PublicRoot | PrivateAnchor;

/** A root in Node's own store, found by its fingerprint. */
export interface PublicRoot {
  readonly subject: string;
  readonly sha256: string;
}

/** A CA that is in no public store, so its file must be given. */
export interface PrivateAnchor {
  readonly what: string;
  readonly where: string;
  /** Where it is published. */
  readonly sha256?: string;
}
