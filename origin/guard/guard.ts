// Middleware for a Hono app: the function `countersign()`.

import type { Context, Env, MiddlewareHandler } from "hono";
import { type AnswerRefusal, type AuthenticatedEnv, guardBy, type Standing } from "../authenticate.ts";
import { judgeBy, refuseBy } from "../verifier.ts";
import type { BehindEdge, GuardOptions, WithoutEdge } from "./options.ts";
import { OptionsReader, printDecision } from "./read-options.ts";

/** Options of `countersign`: behind the edge, or without it. */
export type CountersignOptions = GuardOptions &
  (BehindEdge | WithoutEdge) & {
    /**
     * Set this if one guard on `*` protects the handler of all events. By default, a guard refuses a request whose route in the
     * policy is not the path of this guard. Without this check, a sender that may call only the prefix `/hooks/*` could run the
     * handler of a path below this prefix, for example `/hooks/acme`.
     */
    readonly servesEveryRoute?: boolean;
    /**
     * Answers a refused request, after its line is logged. An edge passes your response on to the sender. But if the origin refuses
     * the edge's assertion, the edge learns this only from the problem in the response. So do not replace the response if
     * `refused.refusal.problem` is `assertion-refused`.
     */
    readonly onRefusal?: AnswerRefusal;
  };

/**
 * Makes middleware that lets a request pass only with a proven, admitted sender, and calls `accept` before the handler. The path of
 * the middleware must be a route of the policy, written as in the policy, unless `servesEveryRoute` is set. The handler reads
 * `c.var.delivery`. `c.req.json()`, `text()`, `arrayBuffer()` and `parseBody()` return the verified bytes, but the body of
 * `c.req.raw` cannot be read again. A refused request throws an HTTPException whose `cause` is the RefusedError.
 * @param options the options, or a function that makes them from the context, for example from the bindings of a Worker. The
 * function is called for each request. Compiled policies, keys and secrets are reused as long as the function returns the same
 * objects
 * @throws ConfigurationError that lists every problem of the options. If `options` is a function, the problems are found at the
 * first request. Then each request is refused with 500, and the log says why
 */
export function countersign<E extends Env = Env>(
  options: CountersignOptions | ((c: Context<E>) => CountersignOptions),
): MiddlewareHandler<E & AuthenticatedEnv> {
  const reader = new OptionsReader("guard");
  const guard =
    typeof options === "function" ? guardBy(makeEachTime(options, reader)) : guardBy(makeOnce(options, reader));
  return guard as unknown as MiddlewareHandler<E & AuthenticatedEnv>;
}

function makeStanding(options: CountersignOptions, reader: OptionsReader): Standing {
  const judging = reader.read(options);
  return { judge: judgeBy(judging), servesEveryRoute: judging.servesEveryRoute, onRefusal: options.onRefusal };
}

function makeOnce(options: CountersignOptions, reader: OptionsReader): () => Standing {
  const standing = makeStanding(options, reader);
  return () => standing;
}

/** Makes the options for each request. If they are invalid, the request is refused, and the log line says why. */
function makeEachTime<E extends Env>(makeOptions: (c: Context<E>) => CountersignOptions, reader: OptionsReader) {
  return (c: Context): Standing => {
    let log: unknown;
    try {
      const options = makeOptions(c);
      log = options.onDecision;
      return makeStanding(options, reader);
    } catch (error) {
      return { judge: refuseBy(error, typeof log === "function" ? (log as typeof printDecision) : printDecision) };
    }
  };
}
