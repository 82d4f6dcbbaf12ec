// A preset has members of a policy that are ready to be written, and the facts and steps that an operator needs in addition. A
// preset contains no code. A value that its vendor has not published is left out and named in `notes`, never guessed.

import type { PolicyDocument, SenderDocument } from "../../core/policy/schema.ts";

export interface Preset {
  /** Names the sender in one line. */
  readonly title: string;
  /** The sender as in a policy. If it has no accepted certificate, its route only observes until the operator adds one. */
  readonly sender: Omit<SenderDocument, "about">;
  readonly route: Omit<PolicyDocument["routes"][string], "senders">;
  /** The source of the certificate of each anchor in `sender.trust`. */
  readonly anchors: Readonly<Record<string, AnchorSource>>;
  /** Describes the value of each secret, in the sender's own terms. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Steps for the operator, in the sender's settings or in the own configuration. */
  readonly steps: readonly string[];
  /** Facts that are not published, not certain, not proven, or likely to change. They are written into the policy. */
  readonly notes: readonly string[];
  /** Says what the sender does with an event that is refused. Left out if it is not published. */
  readonly afterRefusal?: {
    /** True if the sender does not retry an event after a 4xx other than 429. */
    readonly isFinal: boolean;
    /** Says in the sender's own terms for how long and how often it retries after other responses. */
    readonly retries: string;
  };
  readonly sources: readonly string[];
  /** The day on which we read the sources. */
  readonly checked: string;
}

export type AnchorSource = PublicRoot | PrivateAnchor;

/** A root in Node's own store. It is found by its fingerprint. */
export interface PublicRoot {
  readonly subject: string;
  readonly sha256: string;
}

/** A CA that is in no public store, so its file must be given. */
export interface PrivateAnchor {
  readonly what: string;
  readonly where: string;
  /** The CA's fingerprint, if it is published. */
  readonly sha256?: string;
}
