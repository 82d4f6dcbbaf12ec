// Records what the steps of one request find, for the log line, and for code that compares the verdict with another one.

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
  /** The method of the request. */
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
  /** The digests of both policies, if the edge has another policy. */
  policyDrift?: { readonly edge: string; readonly origin: string };
  /** The name of the admitted sender. */
  sender?: string;
  factors?: readonly Factor[];
  reliedOnEdge?: readonly Factor[];
  revocation?: Proof["revocation"];
  /** The names of headers that cannot be signed. */
  notForwarded?: readonly string[];
  /** The reasons why an event has no event key or order key. */
  unreadKeys?: Readonly<Record<string, unknown>>;
  /** The id of the event that arrived before. */
  duplicateOf?: string;
  /** The id of an event with the same key and another body. */
  conflictsWith?: string;
}

/** The results of the steps of one request, for code that logs the verdict or compares it with another one. */
export interface Trace extends ProofTrace {
  readonly context: DecisionContext;
  route?: Route;
  evidence?: Evidence;
  /**
   * The sender for which a factor has passed, or that the edge's assertion names. It is also set if the request is refused
   * afterwards.
   */
  likelySender?: string;
  body?: Uint8Array<ArrayBuffer>;
  admitted?: AdmittedSender;
  /** Whether the event went into the queue instead of to the origin. */
  isQueued?: boolean;
}

/** Notes the certificate, if one was presented. */
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
  // A certificate that no sender asked for proves nothing. The log line leaves it out, because it would look like a proof.
  if (certified === undefined) delete trace.context.certificate;
  if (certified?.proof.revocation !== undefined) trace.context.revocation = certified.proof.revocation;
  return admitted;
}
