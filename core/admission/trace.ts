// What the steps of one request leave behind: for its log line, and for whoever compares the verdict.

import type { Route } from "../policy/policy.ts";
import { Refusal } from "../refusal.ts";
import type { Proof } from "../trust/verify.ts";
import { describeCertificate } from "../x509/client-certificate.ts";
import type { ProofTrace } from "./admit.ts";
import type { AdmittedSender, Evidence, Factor } from "./candidate.ts";

/** What is known of one request so far. The steps fill it in, and the log line of the decision prints it: docs/operations.md. */
export interface DecisionContext {
  /** The decision id, and the event's id once it is admitted. */
  readonly id: string;
  /** Of the request. */
  readonly method?: string;
  /** The address that the connection came from; at the edge the one that Cloudflare saw. */
  readonly peer?: string | undefined;
  /** From the request's head to the verdict. */
  milliseconds?: number;
  certificate?: ReturnType<typeof describeCertificate>;
  /** Path of the policy's route. */
  route?: string;
  /** Behind an edge: the id of its decision. */
  edgeDecision?: string;
  /** Behind an edge: the digests of both policies, if they differ. */
  policyDrift?: { readonly edge: string; readonly origin: string };
  /** Name of the admitted sender. */
  sender?: string;
  factors?: readonly Factor[];
  reliedOnEdge?: readonly Factor[];
  revocation?: Proof["revocation"];
  /** Names of headers that cannot be signed. */
  notForwarded?: readonly string[];
  /** Why an event has no event key or order key. */
  unreadKeys?: Readonly<Record<string, unknown>>;
  /** Id of the event that arrived before. */
  duplicateOf?: string;
  /** Id of an event with the same key and another body. */
  conflictsWith?: string;
}

/** What the steps of one request leave behind, for whoever tells of the verdict or compares it. */
export interface Trace extends ProofTrace {
  readonly context: DecisionContext;
  route?: Route;
  evidence?: Evidence;
  /** The sender for which a factor has passed, or that the edge's assertion names: also of a request that is refused afterwards. */
  likelySender?: string;
  body?: Uint8Array<ArrayBuffer>;
  admitted?: AdmittedSender;
  /** Whether the event went into the queue instead of to the origin. */
  isQueued?: boolean;
}

/** Notes which certificate was presented, where one was. */
export function noteCertificate(context: DecisionContext, { certificate }: Evidence): void {
  if (certificate !== undefined && !(certificate instanceof Refusal)) {
    context.certificate = describeCertificate(certificate);
  }
}

/** Notes the admitted sender: its log line tells who it is and which factors passed. */
export function noteAdmitted(trace: Trace, admitted: AdmittedSender): AdmittedSender {
  const { sender, certified, factors, reliedOnEdge } = admitted;
  trace.admitted = admitted;
  trace.context.sender = sender.name;
  trace.context.factors = factors;
  if (reliedOnEdge.length > 0) trace.context.reliedOnEdge = reliedOnEdge;
  // One that came along without being asked for proves nothing, and must not look as if it did.
  if (certified === undefined) delete trace.context.certificate;
  if (certified?.proof.revocation !== undefined) trace.context.revocation = certified.proof.revocation;
  return admitted;
}
