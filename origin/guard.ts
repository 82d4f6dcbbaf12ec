// Middleware for a Hono app: countersign().

import type { Context, Env, MiddlewareHandler } from "hono";
import { type AnswerRefusal, type AuthenticatedEnv, guardBy, type Standing } from "./authenticate.ts";
import type { BehindEdge, GuardOptions, WithoutEdge } from "./guard-options.ts";
import { OptionsReader, printDecision } from "./options-reader.ts";
import { judgeBy, refuseBy } from "./verifier.ts";

/** Options of `countersign`: behind the edge, or without it. */
export type CountersignOptions = GuardOptions &
  (BehindEdge | WithoutEdge) & {
    /**
     * For one guard on `*` in front of a handler of all events. By default a guard refuses what is on another route of the policy than
     * the path on which it stands: else whoever may call a prefix would run the handler of a path below it.
     */
    readonly servesEveryRoute?: boolean;
    /**
     * Answers a refused request, whose line is out already. An edge passes on what you answer, and knows a refusal of its own assertion
     * by the problem alone: keep that answer where `refused.refusal.problem` is `assertion-refused`.
     */
    readonly onRefusal?: AnswerRefusal;
  };

/**
 * Middleware that lets a request pass only with a proven, admitted sender, and calls `accept` before the handler. It stands on a path
 * that is a route of the policy, written as there, or is told that it `servesEveryRoute`.
 * The handler reads `c.var.delivery`. `c.req.json()`, `text()`, `arrayBuffer()` and `parseBody()` give the bytes that were verified;
 * the body of `c.req.raw` has been read. A refused request is an HTTPException, whose `cause` is the RefusedError.
 * @param options the options, or a function that makes them of the context, where they are bindings of a Worker. It is called for each
 * request; compiled policies, keys and secrets are kept for as long as it returns the same ones
 * @throws ConfigurationError that lists every problem of the options. Of a function they are found by the first request: each one is
 * refused then with 500, and the log says why
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

/** Where they are of no use the request is refused, and the line says why. */
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
