// Answers the challenge of a handshake, if a sender that the request may be from names it. An answered challenge is no event, so
// nothing is stored.

import type { Candidate, Evidence } from "../admission/candidate.ts";
import type { Trace } from "../admission/trace.ts";
import { formatAnswer, type Question } from "../handshake/question.ts";
import { type ChallengeProof, HANDSHAKE_SCHEMES, type HandshakeRule, isAsked } from "../handshake/schemes.ts";
import { Refusal, resultOf } from "../refusal.ts";
import { SIGNATURE_SCHEMES } from "../signature/schemes.ts";

/** The challenges that are answered at each step: before any factor, before the signature, and after it. */
type Step = readonly ChallengeProof[];
export const BY_TOKEN: Step = ["token"];
export const UNSIGNED: Step = ["connection", "signature-if-sent"];
/** `connection` again: a challenge that was wrong at UNSIGNED is refused if no other sender was admitted. */
export const SIGNED: Step = ["connection", "signature-if-sent", "signature"];

interface Asked {
  readonly question: Question;
  readonly evidence: Evidence;
}

/**
 * Returns the answer for the first candidate whose handshake the request is a challenge of, or undefined if the request is an event.
 * `candidates` have passed the factors that the step requires.
 * @throws Refusal `challenge_*` of the first candidate, if the challenge is wrong for every candidate
 */
export function answerChallenge(
  step: Step,
  candidates: readonly Candidate[],
  { question, evidence }: Asked,
  trace: Trace,
): Response | undefined {
  let failure: Refusal | undefined;
  for (const candidate of candidates) {
    const { sender, factors } = candidate;
    const { handshake } = sender;
    if (handshake === undefined || !isDue(step, candidate, handshake, question)) continue;
    const secret = readSecret(candidate, evidence);
    const answer = resultOf(() => HANDSHAKE_SCHEMES[handshake.scheme].answer(question, secret));
    if (answer instanceof Refusal) failure ??= answer;
    else if (answer !== undefined) {
      // Anybody can ask for any sender. So the sender is named as the sender of the request only if a factor has passed.
      const named = factors.length > 0 ? "sender" : "askedFor";
      Object.assign(trace.context, { [named]: sender.name, factors, handshake: handshake.scheme });
      if (candidate.certified === undefined) delete trace.context.certificate;
      return formatAnswer(answer);
    }
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

function isDue(
  step: Step,
  { sender: { signature } }: Candidate,
  { scheme }: HandshakeRule,
  question: Question,
): boolean {
  const { proof = "connection" } = HANDSHAKE_SCHEMES[scheme];
  if (!step.includes(proof) || !isAsked(scheme, question)) return false;
  // A timestamp without a signature proves nothing, so it does not count as a signature.
  const isSigned = signature && question.has(SIGNATURE_SCHEMES[signature.scheme].headers[0]);
  return step !== UNSIGNED || proof === "connection" || !isSigned;
}

/** The key that the table gets for a scheme without a secret is empty, and is not used. */
function readSecret({ sender }: Candidate, { secrets }: Evidence): Buffer {
  const secret = secrets.get(sender)?.handshake?.secret();
  if (secret === undefined && sender.handshake?.secret !== undefined) throw new Refusal("misconfigured");
  return secret ?? Buffer.alloc(0);
}
