// Describes how each sender asks whether an endpoint is ours, and which answer the sender expects. This is a table with one small
// function for each sender. Nothing here decides which factors a request has passed; delivery/receive.ts does.

import { createHmac, sha256 } from "../crypto.ts";
import { type Answer, answerHeaders, answerJson, answerText, echoable, type Question, signable } from "./question.ts";

/** The handshake of a sender. */
export interface HandshakeRule {
  readonly scheme: HandshakeSchemeName;
  /** The name of the secret, for the schemes that need one. */
  readonly secret?: string | undefined;
  /** The time in Unix seconds from which challenges are no longer answered, for the schemes that need it. */
  readonly until?: number | undefined;
}

/**
 * The factors that must pass before a challenge is answered. `token`: only the token of the challenge, because the sender promises
 * no other factor with a challenge. `connection`: certificate, Basic credentials and a token in a header, as far as the policy
 * requires them. `signature`: all factors of the sender. `signature-if-sent`: like `signature` if the request has a header
 * of a signature, otherwise like `connection`.
 */
export type ChallengeProof = "token" | "connection" | "signature" | "signature-if-sent";

export interface HandshakeScheme {
  readonly method: "GET" | "OPTIONS" | "POST";
  /** The header or `?parameter` that every challenge has. Undefined if only the body shows a challenge. */
  readonly mark?: string;
  /** `connection` if it is undefined. */
  readonly proof?: ChallengeProof;
  /** Set if the policy must name a secret: a token to compare with, or a value from which the answer is computed. */
  readonly hasSecret?: true;
  /** Set if the policy must say until when challenges are answered. */
  readonly hasEnd?: true;
  /**
   * Set if the answer is an HMAC of a text in the challenge. Whoever sends the challenge chooses this text. Therefore, compile.ts
   * refuses a policy in which the key of this HMAC also signs events. Exceptions are the signature schemes in which `signable()`
   * refuses the signed text of every event.
   */
  readonly isSigned?: true;
  /** Returns undefined if the request is an event and no challenge. @throws Refusal `challenge_*` */
  readonly answer: (question: Question, secret: Uint8Array) => Answer | undefined;
}

const SMARTSHEET_CHALLENGE = "smartsheet-hook-challenge";
const ACROBAT_ID = "x-adobesign-clientid";

const ECHO: HandshakeScheme = {
  method: "GET",
  mark: "?challenge",
  answer: (question) => answerText(question.echo("?challenge")),
};

const membersOf = (value: unknown): Readonly<Record<string, unknown>> => Object(value);
const hmac = (key: Uint8Array, text: string) => createHmac("sha256", key).update(text);

const SCHEMES = {
  meta: {
    method: "GET",
    mark: "?hub.mode",
    proof: "token",
    hasSecret: true,
    answer(question, token) {
      if (question.read("?hub.mode") !== "subscribe") return undefined;
      question.require("?hub.verify_token", token);
      return answerText(question.echo("?hub.challenge"));
    },
  },
  slack: {
    method: "POST",
    proof: "signature",
    answer(question) {
      const { type, challenge } = question.json();
      return type === "url_verification" ? answerText(echoable(challenge)) : undefined;
    },
  },
  twitch: {
    method: "POST",
    proof: "signature",
    answer(question) {
      // The header with the type of the message is not signed, but the body is. Therefore, the body decides whether the request is
      // a challenge. Every notification has an `event`.
      const { challenge, event } = question.json();
      return challenge === undefined || event !== undefined ? undefined : answerText(echoable(challenge));
    },
  },
  discord: {
    method: "POST",
    proof: "signature",
    answer(question) {
      const { type, event } = question.json();
      if (event !== undefined) return undefined;
      // Discord checks the endpoint of webhook events with type 0, and the endpoint of interactions with type 1.
      if (type === 0) return { status: 204, headers: {}, body: null };
      return type === 1 ? answerJson({ type }) : undefined;
    },
  },
  zoom: {
    method: "POST",
    proof: "signature-if-sent",
    hasSecret: true,
    isSigned: true,
    answer(question, key) {
      const { event, payload } = question.json();
      if (event !== "endpoint.url_validation") return undefined;
      const plainToken = signable(membersOf(payload)["plainToken"]);
      return answerJson({ plainToken, encryptedToken: hmac(key, plainToken).digest("hex") });
    },
  },
  "microsoft-graph": {
    method: "POST",
    mark: "?validationToken",
    answer: (question) => (question.body.length > 0 ? undefined : answerText(question.echo("?validationToken"))),
  },
  "event-grid": {
    method: "POST",
    answer(question) {
      // A publisher of events chooses eventType, but not this header.
      if (question.headers.get("aeg-event-type") !== "SubscriptionValidation") return undefined;
      const { length, 0: only } = question.json();
      const { eventType, data } = membersOf(only);
      if (length !== 1 || eventType !== "Microsoft.EventGrid.SubscriptionValidationEvent") return undefined;
      return answerJson({ validationResponse: echoable(membersOf(data)["validationCode"]) });
    },
  },
  cloudevents: {
    method: "OPTIONS",
    mark: "webhook-request-origin",
    answer: (question) =>
      answerHeaders({
        "webhook-allowed-origin": question.echo("webhook-request-origin"),
        "webhook-allowed-rate": "*",
        allow: "POST",
      }),
  },
  okta: {
    method: "GET",
    mark: "x-okta-verification-challenge",
    answer: (question) => answerJson({ verification: question.echo("x-okta-verification-challenge") }),
  },
  dropbox: ECHO,
  "adobe-io": ECHO,
  "acrobat-sign": {
    method: "GET",
    mark: ACROBAT_ID,
    hasSecret: true,
    answer(question, id) {
      question.require(ACROBAT_ID, id);
      return answerHeaders({ [ACROBAT_ID]: question.echo(ACROBAT_ID) });
    },
  },
  x: {
    method: "GET",
    mark: "?crc_token",
    hasSecret: true,
    isSigned: true,
    answer: (question, key) =>
      answerJson({ response_token: `sha256=${hmac(key, signable(question.read("?crc_token"))).digest("base64")}` }),
  },
  ebay: {
    method: "GET",
    mark: "?challenge_code",
    hasSecret: true,
    answer(question, token) {
      const { host, pathname } = question.url;
      const code = Buffer.from(question.echo("?challenge_code"));
      const endpoint = Buffer.from(`https://${host}${pathname}`);
      return answerJson({ challengeResponse: sha256(Buffer.concat([code, token, endpoint])) });
    },
  },
  monday: {
    method: "POST",
    answer(question) {
      const { challenge, ...others } = question.json();
      if (typeof challenge !== "string" || Object.keys(others).length > 0) return undefined;
      return answerJson({ challenge: echoable(challenge) });
    },
  },
  smartsheet: {
    method: "POST",
    mark: SMARTSHEET_CHALLENGE,
    answer: (question) =>
      question.json()["challenge"] === question.read(SMARTSHEET_CHALLENGE)
        ? answerHeaders({ "smartsheet-hook-response": question.echo(SMARTSHEET_CHALLENGE) })
        : undefined,
  },
  asana: {
    method: "POST",
    mark: "x-hook-secret",
    hasEnd: true,
    // The value is the key of later events, but anybody may have sent it. So the answer repeats the value, and Countersign does not
    // keep it: the operator reads the key in Asana's answer to the registration.
    answer: (question) =>
      question.body.length > 2 ? undefined : answerHeaders({ "x-hook-secret": question.echo("x-hook-secret") }),
  },
} as const satisfies Readonly<Record<string, HandshakeScheme>>;

export type HandshakeSchemeName = keyof typeof SCHEMES;

export const HANDSHAKE_SCHEMES: Readonly<Record<HandshakeSchemeName, HandshakeScheme>> = SCHEMES;
export const HANDSHAKE_SCHEME_NAMES = Object.keys(SCHEMES) as readonly HandshakeSchemeName[];

/**
 * True if method, query and headers are those of a challenge of this scheme. The body may still show that the request is an event.
 */
export function isAsked(name: HandshakeSchemeName, question: Question): boolean {
  const { method, mark } = HANDSHAKE_SCHEMES[name];
  return method === question.method && (mark === undefined || question.has(mark));
}

/** Returns the scheme whose method and `mark` the request has. Ignores schemes without a `mark`. */
export function findAsked(question: Question): HandshakeSchemeName | undefined {
  return HANDSHAKE_SCHEME_NAMES.find((name) => HANDSHAKE_SCHEMES[name].mark !== undefined && isAsked(name, question));
}
