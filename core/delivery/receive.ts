// The order of the checks that admit a sender to a route, at the edge and at an origin without an edge. Behind an edge,
// origin/receive.ts has a different order: it verifies the assertion first.

import { admitByCredentials, admitBySignature, findCandidates, withoutFactors } from "../admission/admit.ts";
import type { AdmittedSender, Candidate, Evidence } from "../admission/candidate.ts";
import { noteAdmitted, noteCertificate, type Trace } from "../admission/trace.ts";
import { Question } from "../handshake/question.ts";
import { placeOf, type Route, requireMethod } from "../policy/policy.ts";
import { Refusal, resultOf } from "../refusal.ts";
import type { BodyBudget } from "../request/body-budget.ts";
import { readBody } from "../request/read-body.ts";
import { formatSignedTarget } from "../request/target.ts";
import { answerChallenge, BY_TOKEN, SIGNED, UNSIGNED } from "./challenge.ts";
import { type Delivery, type DigestedBody, digestBody, type ReceivedEvent } from "./delivery.ts";
import { readContentType, selectForwardedHeaders } from "./headers.ts";

/** A request from a sender, with the values and functions that the receiving program adds. */
export interface SentRequest {
  readonly request: Request;
  /** The request, as handshakes read it. Its body is not read yet. */
  readonly question: Question;
  /** Path and query as the sender sent them. */
  readonly target: string;
  readonly route: Route;
  readonly evidence: Evidence;
  readonly bodies: BodyBudget;
  readonly policyDigest: string;
  /**
   * An additional check of the program, for example a comparison with OpenSSL's verdict on the certificate. Returns the candidates
   * that pass. @throws Refusal if no candidate passes
   */
  readonly crossCheck?: (candidates: readonly Candidate[]) => readonly Candidate[];
  readonly bind: (admitted: AdmittedSender, event: ReceivedEvent) => Delivery;
}

/**
 * Admits the sender of a request and binds the sender to the request and its bytes. Certificate and credentials are checked before
 * any octet of the body is read. Records in `trace` what the steps find.
 * @returns a Response if the request is the challenge of a handshake. A challenge is no event: the program sends this Response and
 * does nothing else.
 * @throws Refusal of the first step that no sender passes
 */
export async function receiveFromSender(sent: SentRequest, trace: Trace): Promise<Delivery | Response> {
  const { request, question, target, route, evidence, policyDigest } = sent;
  const asking = route.senders.filter(({ handshake }) => handshake !== undefined).map(withoutFactors);
  const early = answerChallenge(BY_TOKEN, asking, { question, evidence }, trace);
  if (early !== undefined) return early;
  trace.evidence = evidence;
  noteCertificate(trace.context, evidence);

  const found = findCandidates(route.senders, evidence, trace);
  const proven = sent.crossCheck?.(found) ?? found;
  noteLikely(trace, proven);
  const candidates = admitByCredentials(proven, evidence);
  noteLikely(trace, candidates);
  const received = await admitByBody(candidates, sent, trace);
  if (received instanceof Response) return received;
  const { body, admitted } = received;

  return sent.bind(admitted, {
    id: trace.context.id,
    request: {
      method: request.method,
      target: formatSignedTarget(target, placeOf(route)[0]),
      contentType: readContentType(request.headers),
    },
    headers: selectForwardedHeaders(request.headers, route, admitted.sender),
    body,
    policyDigest,
  });
}

/**
 * Notes the first candidate for which a factor has passed. Without a passed factor, the sender is not named, because a stranger may
 * have sent the request.
 */
function noteLikely(trace: Trace, candidates: readonly Candidate[]): void {
  const likely = candidates.find(({ factors }) => factors.length > 0);
  if (likely !== undefined) trace.likelySender = likely.sender.name;
}

/**
 * Reads the body, answers a challenge, and admits the candidate whose signature matches. If no candidate has passed any factor yet,
 * the body counts against the memory limit for bodies of unproven senders, until the signature is verified.
 * @throws Refusal of readBody, answerChallenge or admitBySignature
 */
async function admitByBody(
  candidates: readonly Candidate[],
  { request, question, route, evidence, bodies }: SentRequest,
  trace: Trace,
): Promise<{ readonly body: DigestedBody; readonly admitted: AdmittedSender } | Response> {
  const isUnproven = candidates.every(({ factors }) => factors.length === 0);
  const reading = isUnproven ? bodies.begin() : undefined;
  try {
    const body = digestBody(await readBody(request, route.maxBodyBytes, reading));
    const asked = { question: new Question(request, question.url, body.bytes), evidence };
    // A wrong challenge is not refused here yet: the request may be the event of a different sender. `unsigned` is then the
    // Refusal. It is thrown only if no sender accepts the request as an event.
    const unsigned = resultOf(() => answerChallenge(UNSIGNED, candidates, asked, trace));
    if (unsigned instanceof Response) return unsigned;
    // Only a challenge may have a method that the route does not list.
    if (unsigned === undefined) {
      requireMethod(route, request.method);
      trace.body = body.bytes;
    } else if (!route.methods.includes(request.method)) throw unsigned;
    const admitted = await admitBySignature(candidates, body.bytes, evidence).catch((error) => {
      throw error instanceof Refusal ? (unsigned ?? error) : error;
    });
    trace.body = body.bytes;
    const signed = answerChallenge(SIGNED, [admitted], asked, trace);
    return signed ?? { body, admitted: noteAdmitted(trace, admitted) };
  } finally {
    if (reading !== undefined) bodies.finish(reading);
  }
}
