// The last step of admission. It needs the body: reads it, computes its digest, and verifies its signature.

import { admitBySignature } from "../admission/admit.ts";
import type { AdmittedSender, Candidate, Evidence } from "../admission/candidate.ts";
import { noteAdmitted, type Trace } from "../admission/trace.ts";
import type { Route } from "../policy/policy.ts";
import type { BodyBudget } from "../request/body-budget.ts";
import { readBody } from "../request/read-body.ts";
import { type DigestedBody, digestBody } from "./delivery.ts";

/**
 * Reads the body, and admits the candidate whose signature matches. If no candidate has passed another factor yet, the body
 * counts against the budget until its signature is verified.
 * @throws Refusal those of readBody and of admitBySignature
 */
export async function admitByBody(
  request: Request,
  { maxBodyBytes }: Route,
  { candidates, evidence, trace, bodies }: Admission,
): Promise<{ readonly body: DigestedBody; readonly admitted: AdmittedSender }> {
  const isUnproven = candidates.every(({ factors }) => factors.length === 0);
  const reading = isUnproven ? bodies.begin() : undefined;
  try {
    const body = digestBody(await readBody(request, maxBodyBytes, reading));
    trace.body = body.bytes;
    return { body, admitted: noteAdmitted(trace, await admitBySignature(candidates, body.bytes, evidence)) };
  } finally {
    if (reading !== undefined) bodies.finish(reading);
  }
}

export interface Admission {
  readonly candidates: readonly Candidate[];
  readonly evidence: Evidence;
  readonly trace: Trace;
  readonly bodies: BodyBudget;
}
