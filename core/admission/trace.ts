// Records what the steps of one request find. The log line prints these findings. report-only.ts compares them with the findings
// for the senders in `shadow`.

import type { HandshakeSchemeName } from "../handshake/schemes.ts";
import type { Route } from "../policy/policy.ts";
import { Refusal } from "../refusal.ts";
import type { Proof } from "../trust/verify.ts";
import { describeCertificate } from "../x509/client-certificate.ts";
import type { ProofTrace } from "./admit.ts";
import type { AdmittedSender, Evidence, Factor } from "./candidate.ts";

/** The facts that are known of one request so far. The steps add them, and the log line of the decision prints them. */
export interface DecisionContext {
  /** The decision id. It is also the id of the event if the request is admitted. */
  readonly id: string;
  readonly method?: string;
  /** The address of the client. At the edge, it is the address that Cloudflare saw. */
  readonly peer?: string | undefined;
  /** The time from the request's head to the verdict. */
  milliseconds?: number;
  certificate?: ReturnType<typeof describeCertificate>;
  /** The path of the policy's route. */
  route?: string;
  /** The id of the edge's decision, if there is an edge. */
  edgeDecision?: string;
  /** The digests of the policies of edge and origin, if they differ. */
  policyDrift?: { readonly edge: string; readonly origin: string };
  /**
   * The name of the admitted sender. For an answered challenge, the name of the sender for which it was answered, if a factor of
   * this sender has passed.
   */
  sender?: string;
  /**
   * The name of the sender for which a challenge was answered although no factor has passed. Anybody may have sent the challenge.
   */
  askedFor?: string;
  factors?: readonly Factor[];
  reliedOnEdge?: readonly Factor[];
  /** The scheme of the handshake whose challenge was answered. Undefined for an event. */
  handshake?: HandshakeSchemeName;
  revocation?: Proof["revocation"];
  /** The names of headers that are not forwarded, because they cannot be signed. */
  notForwarded?: readonly string[];
  /** The reasons why an event has no event key or order key. */
  unreadKeys?: Readonly<Record<string, unknown>>;
  /** The id of the earlier event of which this event is a duplicate. */
  duplicateOf?: string;
  /** The id of another event with the same event key and a different body. */
  conflictsWith?: string;
}

/** The results of the steps of one request, for code that logs the verdict or compares it with another verdict. */
export interface Trace extends ProofTrace {
  readonly context: DecisionContext;
  route?: Route;
  evidence?: Evidence;
  /**
   * The name of the sender that the request probably comes from: a factor of this sender has passed, or the edge's assertion names
   * it. The name stays set if the request is refused afterwards.
   */
  likelySender?: string;
  body?: Uint8Array<ArrayBuffer>;
  admitted?: AdmittedSender;
  /** True if the event went into the queue and was not sent to the origin directly. */
  isQueued?: boolean;
}

export function noteCertificate(context: DecisionContext, { certificate }: Evidence): void {
  if (certificate !== undefined && !(certificate instanceof Refusal)) {
    context.certificate = describeCertificate(certificate);
  }
}

/** Notes the admitted sender. The log line then names the sender and the factors that passed. */
export function noteAdmitted(trace: Trace, admitted: AdmittedSender): AdmittedSender {
  const { sender, certified, factors, reliedOnEdge } = admitted;
  trace.admitted = admitted;
  trace.context.sender = sender.name;
  trace.context.factors = factors;
  if (reliedOnEdge.length > 0) trace.context.reliedOnEdge = reliedOnEdge;
  // The admitted sender needs no certificate, so the certificate of the request proves nothing about this sender. The log line
  // leaves it out, because it would look like a proof.
  if (certified === undefined) delete trace.context.certificate;
  if (certified?.proof.revocation !== undefined) trace.context.revocation = certified.proof.revocation;
  return admitted;
}
