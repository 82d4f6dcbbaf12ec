// Judges one request, logs the verdict and records the event. Every guard uses this, whatever its framework.

import type { Trace } from "../core/admission/trace.ts";
import { formatProblem } from "../core/decision/problem.ts";
import { describeRefusal } from "../core/decision/refusal-line.ts";
import { reportOnly } from "../core/decision/report-only.ts";
import type { Delivery } from "../core/delivery/delivery.ts";
import { formatEventId } from "../core/delivery/id.ts";
import { PROBLEMS, Refusal, toRefusal } from "../core/refusal.ts";
import { requireHostField } from "../core/request/host.ts";
import { type Acceptance, recordBy } from "./accept.ts";
import type { VerifierOptions } from "./guard/options.ts";
import { OptionsReader } from "./guard/read-options.ts";
import type { RefusedFacts } from "./inbox/refusals/refusals.ts";
import { type AuthenticateOptions, misconfigured, requireOptions } from "./options.ts";
import { takeRandom } from "./random.ts";
import { type Asked, receive } from "./receive.ts";

/**
 * The request is refused, and its line is logged. `message` and `getResponse()` are for the sender. `refusal` says why it was
 * refused; it is only for the operator.
 */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  /** The decision id. It is also in the log line and in the response. */
  readonly id: string;

  constructor(refusal: Refusal, id: string) {
    super(PROBLEMS[refusal.problem].title);
    this.name = "RefusedError";
    this.refusal = refusal;
    this.id = id;
  }

  get status(): number {
    return this.refusal.status;
  }

  /** A new RFC 9457 problem each time. */
  getResponse(): Response {
    return formatProblem(this.refusal, this.id);
  }
}

/** An event whose sender is proven and admitted, and that `accept` has recorded. */
export interface Verified {
  readonly delivery: Delivery;
  /** The id of the stored event, if this one is the same again: answer with 200 and do nothing else. Undefined for a new event. */
  readonly duplicateOf: string | undefined;
}

/** Judges requests without a framework. */
export interface Verifier {
  /**
   * Reads the body, judges the request, calls `accept`. `environment` is passed to `readCertificate`: on Node, with servers of
   * `countersign/node`, it is the second argument of the fetch handler. The body is in `delivery.body`; that of the request has
   * been read.
   * @throws RefusedError; respond with its `getResponse()`
   */
  verify(request: Request, environment?: unknown): Promise<Verified>;
}

/**
 * Makes a verifier for any framework that has, or can make, a web `Request`. Its verdicts are those of `countersign()`, by the
 * same code. It does not know which of your handlers will run, so pass `route`.
 * @throws ConfigurationError that lists every problem of the options
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const judge = judgeBy(new OptionsReader("verifier").read(options));
  const served = { guard: undefined, route: "route" in options ? options.route : undefined };
  return { verify: (request, environment) => judge({ request, ...served, environment, isBodyRead: request.bodyUsed }) };
}

/** Faults that were found when a Request was made from another kind of request, and that the Request does not show. */
const faults = new WeakMap<Request, Refusal>();

/** Makes every judge refuse this request with `fault`. */
export function refuseLater(request: Request, fault: Refusal): Request {
  faults.set(request, fault);
  return request;
}

/** @throws RefusedError */
export type Judge = (asked: Asked) => Promise<Verified>;

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
      const [delivery, assertion] = await receive(asked, options, trace);
      const acceptance = noteAcceptance(trace, await recordBy(options.accept, delivery, assertion));
      noteDuration(trace, since);
      options.log({ decision: "accepted", ...trace.context });
      void logMore(trace);
      return { delivery, duplicateOf: acceptance.outcome === "duplicate" ? acceptance.of : undefined };
    } catch (error) {
      const refusal = toRefusal(error);
      noteDuration(trace, since);
      options.log(describeRefusal(refusal, trace.context), factsOf(request, trace));
      void logMore(trace, refusal);
      throw new RefusedError(refusal, trace.context.id);
    }
  };
}

/** A judge for invalid options: it refuses every request, and each log line says why. */
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

/** Undefined if the runtime does not provide the socket; Node does. */
export function peerOf(environment: unknown): string | undefined {
  const { incoming } = (environment ?? {}) as { readonly incoming?: { readonly socket?: { remoteAddress?: string } } };
  return incoming?.socket?.remoteAddress;
}

/** In tenths: most verdicts take less than one. */
function noteDuration({ context }: Trace, since: number): void {
  context.milliseconds = Math.round((performance.now() - since) * 10) / 10;
}

function noteAcceptance({ context }: Trace, acceptance: Acceptance): Acceptance {
  if (acceptance.outcome === "duplicate") context.duplicateOf = acceptance.of;
  if (acceptance.outcome === "stored" && acceptance.conflictsWith !== undefined)
    context.conflictsWith = acceptance.conflictsWith;
  return acceptance;
}
