// Judges one request, logs the verdict and records the event. Every guard uses this file, for every framework.

import type { Trace } from "../core/admission/trace.ts";
import { retryStatusOf } from "../core/decision/keep.ts";
import { formatProblem } from "../core/decision/problem.ts";
import { describeRefusal } from "../core/decision/refusal-line.ts";
import { reportOnly } from "../core/decision/report-only.ts";
import type { Delivery } from "../core/delivery/delivery.ts";
import { formatEventId } from "../core/delivery/id.ts";
import type { Acknowledgement } from "../core/policy/policy.ts";
import { PROBLEMS, Refusal, toRefusal } from "../core/refusal.ts";
import { requireHostField } from "../core/request/host.ts";
import { type Acceptance, recordBy } from "./accept.ts";
import { keptRoute } from "./acknowledgement.ts";
import type { VerifierOptions } from "./guard/options.ts";
import { OptionsReader } from "./guard/read-options.ts";
import type { RefusedFacts } from "./inbox/refusals/refusals.ts";
import { type AuthenticateOptions, misconfigured, requireOptions } from "./options.ts";
import { takeRandom } from "./random.ts";
import { type Asked, receive } from "./receive.ts";

/**
 * The error of a refused request. The log line of the refusal has already been written. `message` and `getResponse()` are for the
 * sender. `refusal` says why the request was refused. It is only for the operator.
 */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  /** The decision id. It is also in the log line and in the response. */
  readonly id: string;
  /**
   * The status that asks the sender to send the event again. It is set if the operator may have to correct the cause of the
   * refusal, because a later attempt may then be accepted. Undefined if the refusal is final.
   */
  readonly retryStatus: 429 | 503 | undefined;

  constructor(refusal: Refusal, id: string, retryStatus?: 429 | 503) {
    super(PROBLEMS[refusal.problem].title);
    this.name = "RefusedError";
    this.refusal = refusal;
    this.id = id;
    this.retryStatus = retryStatus;
  }

  /** The status that the sender gets. */
  get status(): number {
    return this.retryStatus ?? this.refusal.status;
  }

  /** Makes a new RFC 9457 problem at each call. */
  getResponse(): Response {
    return formatProblem(this.refusal, this.id, this.retryStatus);
  }
}

/**
 * Is thrown for the challenge of a handshake, with which a sender asks whether the endpoint is yours. The challenge is no event,
 * and nothing failed. Respond with `getResponse()`, which makes a new response at each call.
 */
export class ChallengeAnswered extends Error {
  readonly #answer: Response;

  constructor(answer: Response) {
    super("The request is the challenge of a handshake");
    this.name = "ChallengeAnswered";
    this.#answer = answer;
  }

  getResponse(): Response {
    return this.#answer.clone();
  }
}

/** An event whose sender is proven and admitted, and that `accept` has recorded. */
export interface Verified {
  readonly delivery: Delivery;
  /**
   * If the event is already stored, this is the id of the stored event: answer with 200 and do nothing else. Undefined for a new
   * event.
   */
  readonly duplicateOf: string | undefined;
  /** The fixed answer that the route's sender needs. Undefined if it needs none. */
  readonly acknowledgement: Acknowledgement | undefined;
}

/** Judges requests without a framework. */
export interface Verifier {
  /**
   * Reads the body, judges the request, and calls `accept`. `environment` is passed to `readCertificate`. On Node, with servers of
   * `countersign/node`, it is the second argument of the fetch handler. The body is in `delivery.body`, and cannot be read from
   * the request again.
   * @throws RefusedError and ChallengeAnswered; respond with the `getResponse()` of either
   */
  verify(request: Request, environment?: unknown): Promise<Verified>;
}

/**
 * Makes a verifier for any framework that has, or can make, a web `Request`. It runs the same code as `countersign()`, so the
 * verdicts are the same. It does not know which of your handlers will run, so pass `route`.
 * @throws ConfigurationError that lists every problem of the options
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const judge = judgeBy(new OptionsReader("verifier").read(options));
  const served = { guard: undefined, route: "route" in options ? options.route : undefined };
  return {
    async verify(request, environment) {
      const verified = await judge({ request, ...served, environment, isBodyRead: request.bodyUsed });
      if (verified instanceof Response) throw new ChallengeAnswered(verified);
      return verified;
    },
  };
}

/** Faults that were found when a Request was made from a request of Node. The Request does not show them. */
const faults = new WeakMap<Request, Refusal>();

/** Marks a request, so that every judge refuses it with `fault`. */
export function refuseLater(request: Request, fault: Refusal): Request {
  faults.set(request, fault);
  return request;
}

/** Resolves to the verified event, or to a Response for the challenge of a handshake. @throws RefusedError */
export type Judge = (asked: Asked) => Promise<Verified | Response>;

/** @throws ConfigurationError that lists what the policy needs and the options lack */
export function judgeBy(options: AuthenticateOptions): Judge {
  requireOptions(options);
  const logMore = reportOnly((line) => options.log(line));
  return async (asked) => {
    const since = performance.now();
    const { request, environment } = asked;
    const id = formatEventId(Date.now(), takeRandom());
    const trace: Trace = { context: { id, method: request.method, peer: peerOf(environment) } };
    try {
      const fault = faults.get(request);
      if (fault !== undefined) throw fault;
      requireHostField(request.headers);
      const received = await receive(asked, options, trace);
      if (received instanceof Response) {
        noteDuration(trace, since);
        options.log({ decision: "challenge", ...trace.context, status: received.status });
        return received;
      }
      const [delivery, assertion] = received;
      const acceptance = noteAcceptance(trace, await recordBy(options.accept, delivery, assertion));
      noteDuration(trace, since);
      options.log({ decision: "accepted", ...trace.context });
      void logMore(trace);
      const duplicateOf = acceptance.outcome === "duplicate" ? acceptance.of : undefined;
      return { delivery, duplicateOf, acknowledgement: keptRoute(delivery).acknowledgement };
    } catch (error) {
      const refusal = toRefusal(error);
      noteDuration(trace, since);
      const retryStatus = retryStatusOf(refusal, trace);
      options.log(describeRefusal(refusal, trace.context, retryStatus), factsOf(request, trace));
      void logMore(trace, refusal);
      throw new RefusedError(refusal, trace.context.id, retryStatus);
    }
  };
}

/** Makes a judge for invalid options. This judge refuses every request, and each log line says why. */
export function refuseBy(error: unknown, log: AuthenticateOptions["log"]): Judge {
  return () => {
    const refusal = misconfigured(error);
    const id = formatEventId(Date.now(), takeRandom());
    log(describeRefusal(refusal, { id }));
    return Promise.reject(new RefusedError(refusal, id));
  };
}

function factsOf({ url }: Request, { evidence, likelySender }: Trace): RefusedFacts {
  const presented = evidence?.certificate;
  return { url, likelySender, certificate: presented instanceof Refusal ? undefined : presented };
}

/** Returns the address of the peer, from the socket that Node provides. Undefined on a runtime that provides no socket. */
export function peerOf(environment: unknown): string | undefined {
  const { incoming } = (environment ?? {}) as { readonly incoming?: { readonly socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}

/** Records the milliseconds with one decimal, because most verdicts take less than one millisecond. */
function noteDuration({ context }: Trace, since: number): void {
  context.milliseconds = Math.round((performance.now() - since) * 10) / 10;
}

function noteAcceptance({ context }: Trace, acceptance: Acceptance): Acceptance {
  if (acceptance.outcome === "duplicate") context.duplicateOf = acceptance.of;
  if (acceptance.outcome === "stored" && acceptance.conflictsWith !== undefined)
    context.conflictsWith = acceptance.conflictsWith;
  return acceptance;
}
