// Answers the challenge of a handshake, if the policy names this handshake for a sender that may have sent the request. An answered
// challenge is no event, so nothing is stored.

import type { Candidate, Evidence } from "../admission/candidate.ts";
import type { Trace } from "../admission/trace.ts";
import { formatAnswer, type Question } from "../handshake/question.ts";
import { type ChallengeProof, HANDSHAKE_SCHEMES, type HandshakeRule, isAsked } from "../handshake/schemes.ts";
import { Refusal, resultOf } from "../refusal.ts";
import { SIGNATURE_SCHEMES } from "../signature/schemes.ts";

/**
 * A step lists the kinds of challenges that are answered at one point of the judgement. The step `BY_TOKEN` comes before any factor
 * is checked, the step `UNSIGNED` before the signature is checked, and the step `SIGNED` after the signature is verified.
 */
type Step = readonly ChallengeProof[];
export const BY_TOKEN: Step = ["token"];
export const UNSIGNED: Step = ["connection", "signature-if-sent"];
/**
 * The kind `connection` is also in the step `UNSIGNED`. It is repeated here because of wrong challenges. A request that is a wrong
 * challenge for one sender may be an event of a different sender. So such a request is not refused at the step `UNSIGNED`, and its
 * signature is checked next. If the signature admits the sender for which the challenge is wrong, the step `SIGNED` refuses the
 * request.
 */
export const SIGNED: Step = ["connection", "signature-if-sent", "signature"];

interface Asked {
  readonly question: Question;
  readonly evidence: Evidence;
}

/**
 * Returns the answer to a correct challenge. The answer is that of the first candidate whose handshake accepts the challenge.
 * Returns undefined if the request is no challenge that this step answers. `candidates` have passed the factors that the step
 * requires.
 * @throws Refusal `challenge_*` of the first candidate whose handshake refuses the challenge, if no candidate's handshake accepts
 * it
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
    const answer = resultOf(() => {
      const found = HANDSHAKE_SCHEMES[handshake.scheme].answer(question, secret);
      if (found && evidence.receivedAt >= (handshake.until ?? Infinity)) throw new Refusal("challenge_closed");
      return found;
    });
    if (answer instanceof Refusal) failure ??= answer;
    else if (answer !== undefined) {
      // Anybody can send a challenge for any sender. So the log names the sender as `sender` only if a factor has passed, and
      // otherwise as `askedFor`.
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
  // Looks only for the signature itself. A request that has only the scheme's other headers, such as a timestamp, is not signed.
  const isSigned = signature && question.has(SIGNATURE_SCHEMES[signature.scheme].headers[0]);
  return step !== UNSIGNED || proof === "connection" || !isSigned;
}

/**
 * Returns the secret of the sender's handshake. For a handshake scheme without a secret, returns an empty buffer, which is not
 * used.
 * @throws Refusal `misconfigured` if the policy names a secret that is not set
 */
function readSecret({ sender }: Candidate, { secrets }: Evidence): Buffer {
  const secret = secrets.get(sender)?.handshake?.secret();
  if (secret === undefined && sender.handshake?.secret !== undefined) throw new Refusal("misconfigured");
  return secret ?? Buffer.alloc(0);
}
