// A preset has the members that are added to a policy, and the facts and steps that an operator needs in addition. A preset
// contains no code. A value that the vendor has not published is left out, never guessed.

import type { PolicyDocument, SenderDocument } from "../../core/policy/schema.ts";

export interface Preset {
  /** Names the sender in one line. */
  readonly title: string;
  /** The sender as in a policy. If it has no accepted certificate, its route only observes until the operator adds one. */
  readonly sender: Omit<SenderDocument, "about">;
  readonly route: Omit<PolicyDocument["routes"][string], "senders">;
  /**
   * Texts that the sender appends to the path of the callback URL. For each text, there is one more route, whose path ends with
   * this text.
   */
  readonly suffixes?: readonly string[];
  /** The source of the certificate of each anchor in `sender.trust`. */
  readonly anchors: Readonly<Record<string, AnchorSource>>;
  /** Values of the body that only the operator knows, by the name in the option `--value NAME=VALUE`. */
  readonly values?: Readonly<Record<string, BodyValue>>;
  /** Describes the value of each secret, in the sender's own terms. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly behaviour: Behaviour;
  /** Steps for the operator, in the settings of the sender or in the operator's own configuration. */
  readonly steps: readonly string[];
  /** Facts that are not certain, not proven, or likely to change. They are written into the policy. */
  readonly notes: readonly string[];
  readonly sources: readonly string[];
  /** The day on which we read the sources. */
  readonly checked: string;
}

/** What the sender does, as its own documents say. Each member that is left out is shown as not published. */
export interface Behaviour {
  /** Says how the sender verifies a new URL. */
  readonly handshake?: string;
  readonly afterRefusal?: AfterRefusal;
  /** The number of seconds in which the sender expects the answer. */
  readonly deadlineSeconds?: number;
  /** The number of bytes of the sender's largest events. */
  readonly largestBytes?: number;
  readonly renewal?: Renewal;
  /** The TLS versions with which the sender connects. */
  readonly tls?: readonly ("1.2" | "1.3")[];
}

export interface AfterRefusal {
  /** True if the sender does not send an event again after a 4xx other than 429. */
  readonly isFinal: boolean;
  /** True if the sender does not send an event again after a handshake that failed. */
  readonly isHandshakeFinal?: true;
  /** For how many hours, and how many times at most, the sender sends an event again. */
  readonly hours?: number;
  readonly attempts?: number;
  /** What else the sender does after refusals, in its own terms. */
  readonly also?: string;
}

/** How the certificates of a sender change. */
export interface Renewal {
  /** The longest lifetime of a certificate, in days. */
  readonly days?: number;
  /** The last day on which the certificate that the sender publishes is valid. */
  readonly ends?: string;
  readonly also?: string;
}

/**
 * A value in the body that shows whose event it is. The certificate does not show this, because it proves only the vendor. Some
 * events of the vendor never have the value. They belong to a second sender, which needs no value, so that they are not refused.
 */
export interface BodyValue {
  readonly what: string;
  /** A JSON pointer. In it, `*` stands for every element of an array. */
  readonly pointer: string;
  /** The suffixes of the routes on which every event must have a listed value. */
  readonly on: readonly string[];
  /** Says which events belong to the second sender, and what is not proven about these events. */
  readonly others: string;
}

export type AnchorSource = PublicRoot | PrivateAnchor | IncludedAnchor;

/** A root in Node's own store. It is found by its fingerprint. */
export interface PublicRoot {
  readonly subject: string;
  readonly sha256: string;
  /** The day after which the CA issues no client certificates below this root. */
  readonly lastClient?: string;
}

/** A CA that is in no public store, so its file must be given. */
export interface PrivateAnchor {
  readonly what: string;
  readonly where: string;
  /** The CA's fingerprint, if it is published. */
  readonly sha256?: string;
}

/** A CA that is in no public store, and that its owner publishes. */
export interface IncludedAnchor {
  readonly what: string;
  readonly pem: string;
  readonly sha256: string;
}
