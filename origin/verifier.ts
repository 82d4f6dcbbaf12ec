// The verdict on one request, told and recorded: what every guard stands on, whatever framework it belongs to.

import { describeRefusal, formatProblem, type Trace } from "../core/decision.ts";
import type { Delivery } from "../core/delivery.ts";
import { PROBLEMS, type Refusal, toRefusal } from "../core/refusal.ts";
import { requireHostField } from "../core/request-host.ts";
import { tellMore } from "../core/tell-more.ts";
import { formatEventId } from "../core/time-ordered-id.ts";
import { type Acceptance, recordBy } from "./acceptance.ts";
import { type AuthenticateOptions, misconfigured, requireOptions } from "./authenticate-options.ts";
import type { VerifierOptions } from "./guard-options.ts";
import { OptionsReader } from "./options-reader.ts";
import { takeRandom } from "./random.ts";
import { type Asked, receive } from "./receive.ts";

/**
 * The request is refused, and its log line is out. `message` is what the sender may read, as is `getResponse()`; why it is refused
 * is in `refusal`, for the operator alone.
 */
export class RefusedError extends Error {
  readonly refusal: Refusal;
  /** The decision id, which the log line and the answer have too. */
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

  /** An RFC 9457 problem, made anew each time. */
  getResponse(): Response {
    return formatProblem(this.refusal, this.id);
  }
}

/** An event whose sender is proven and admitted, and which `accept` has taken. */
export interface Verified {
  readonly delivery: Delivery;
  /** The id of the stored event, where this is the same one again: answer with 200 and leave it at that. Undefined for a new one. */
  readonly duplicateOf: string | undefined;
}

/** Judges requests without a framework. */
export interface Verifier {
  /**
   * Reads the body, judges the request, calls `accept`. `environment` is what `readCertificate` gets: on Node, with servers of
   * `countersign/node`, the second argument of the fetch handler. The body is in `delivery.body`; the request's own has been read.
   * @throws RefusedError whose `getResponse()` is the answer
   */
  verify(request: Request, environment?: unknown): Promise<Verified>;
}

/**
 * Makes a verifier for any framework that has, or can make, a web `Request`: the verdicts of `countersign()`, by the same code. It does
 * not know which of your handlers will run: say so by `route`.
 * @throws ConfigurationError that lists every problem of the options
 */
export function createVerifier(options: VerifierOptions): Verifier {
  const judge = judgeBy(new OptionsReader("verifier").read(options));
  const guard = "route" in options ? options.route : undefined;
  return { verify: (request, environment) => judge({ request, guard, environment, isBodyRead: request.bodyUsed }) };
}

/** Requests made of others, which showed a fault that they cannot. */
const faults = new WeakMap<Request, Refusal>();

/** Has a request refused by whoever judges it. */
export function refuseLater(request: Request, fault: Refusal): Request {
  faults.set(request, fault);
  return request;
}

/** @throws RefusedError */
export type Judge = (asked: Asked) => Promise<Verified>;

/** @throws ConfigurationError that lists what the policy needs and is not there */
export function judgeBy(options: AuthenticateOptions): Judge {
  requireOptions(options);
  const logMore = tellMore((line) => options.log(line));
  return async (asked) => {
    const trace: Trace = { context: { id: formatEventId(Date.now(), takeRandom()) } };
    try {
      const fault = faults.get(asked.request);
      if (fault !== undefined) throw fault;
      requireHostField(asked.request.headers);
      const [delivery, assertion] = await receive(asked, options, trace);
      const acceptance = noteAcceptance(trace, await recordBy(options.accept, delivery, assertion));
      options.log({ decision: "accepted", ...trace.context });
      void logMore(trace);
      return { delivery, duplicateOf: acceptance.outcome === "duplicate" ? acceptance.of : undefined };
    } catch (error) {
      const refusal = toRefusal(error);
      options.log(describeRefusal(refusal, trace.context));
      void logMore(trace, refusal);
      throw new RefusedError(refusal, trace.context.id);
    }
  };
}

/** For options that are of no use: every request is refused, and each line says why. */
export function refuseBy(error: unknown, log: AuthenticateOptions["log"]): Judge {
  return () => {
    const refusal = misconfigured(error);
    const id = formatEventId(Date.now(), takeRandom());
    log(describeRefusal(refusal, { id }));
    return Promise.reject(new RefusedError(refusal, id));
  };
}

function noteAcceptance({ context }: Trace, acceptance: Acceptance): Acceptance {
  if (acceptance.outcome === "duplicate") context["duplicateOf"] = acceptance.of;
  if (acceptance.outcome === "stored" && acceptance.conflictsWith !== undefined)
    context["conflictsWith"] = acceptance.conflictsWith;
  return acceptance;
}
