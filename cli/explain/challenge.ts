// Explains the challenge of a handshake in sentences: what was asked, which factors must pass before it is answered, and the result.

import { type ChallengeProof, HANDSHAKE_SCHEMES, type HandshakeScheme } from "../../core/handshake/schemes.ts";
import type { LogLine } from "../../core/log-line.ts";
import { REFUSALS, type RefusalCode } from "../../core/refusal.ts";

const DEMANDED: Readonly<Record<ChallengeProof, string>> = {
  token: "only the token of the challenge must be right, because the sender promises no other factor for it",
  connection:
    "every factor of the sender must pass that is not in the body: certificate, Basic credentials, a token in a header",
  signature: "every factor of the sender must pass, the signature too",
  "signature-if-sent":
    "certificate, Basic credentials and a token in a header must pass; if the request has a header of a signature, every factor must",
};

/** Says what the challenge of this handshake is, and what must pass before it is answered. */
export function describeHandshake(name: string): string[] {
  const schemes: Readonly<Record<string, HandshakeScheme>> = HANDSHAKE_SCHEMES;
  const scheme = Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  if (scheme === undefined) return [`this version does not know the handshake ${name}`];
  const { method, mark, proof = "connection" } = scheme;
  const sign =
    mark === undefined ? "known by its body" : `with the ${mark.startsWith("?") ? "parameter" : "header"} ${mark}`;
  return [
    `the request is the challenge of the handshake ${name} (${method}, ${sign}): the sender asks whether the endpoint is yours`,
    `before a challenge of ${name} is answered, ${DEMANDED[proof]}`,
  ];
}

/** Explains the log line of a challenge. Returns nothing for the line of an event. */
export function explainChallenge(line: LogLine): string[] {
  const { decision, handshake, sender, askedFor, factors, code } = line as Readonly<Record<string, unknown>>;
  const what = typeof handshake === "string" ? describeHandshake(handshake) : [];
  if (decision === "challenge") {
    const passed = Array.isArray(factors) && factors.length > 0 ? factors.join(" and ") : "no other factor is demanded";
    return [...what, `it is answered for ${sender ?? askedFor} (passed: ${passed}), and nothing is stored`];
  }
  if (typeof code !== "string" || !code.startsWith("challenge_") || !Object.hasOwn(REFUSALS, code)) return [];
  return [...what, `it is the challenge of a handshake, and got no answer: ${REFUSALS[code as RefusalCode][1]}`];
}
