// The guard of a route in a Hono app.

import type { Context, Env, MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { routePath } from "hono/route";
import type { Delivery } from "../core/delivery.ts";
import type { AuthenticateOptions } from "./authenticate-options.ts";
import type { BehindEdge, GuardOptions, WithoutEdge } from "./guard-options.ts";
import { OptionsReader, printDecision } from "./options-reader.ts";
import { type Judge, judgeBy, RefusedError, refuseBy } from "./verifier.ts";

/** What a guarded handler finds in `c.var`. */
export type CountersignVariables = {
  /** The event: body bytes, sender, certificate, and what was checked. */
  delivery: Delivery;
};

/** What a guard makes of an app's environment. */
export type AuthenticatedEnv = { Variables: CountersignVariables };

/** Another answer to a refused request than its problem; nothing leaves it to the app: an HTTPException, for `app.onError`. */
export type AnswerRefusal = (
  refused: RefusedError,
  c: Context,
  // biome-ignore lint/suspicious/noConfusingVoidType: a user's own function may return nothing
) => Response | void | Promise<Response | void>;

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

/** The same guard over options that are read already, which may change while it stands. */
export function authenticate(
  options: AuthenticateOptions,
  onRefusal?: AnswerRefusal,
): MiddlewareHandler<AuthenticatedEnv> {
  const judge = judgeBy(options);
  return guardBy(() => ({ judge, servesEveryRoute: options.servesEveryRoute, onRefusal }));
}

/** What a guard does with one request. */
interface Standing {
  readonly judge: Judge;
  readonly servesEveryRoute?: boolean | undefined;
  readonly onRefusal?: AnswerRefusal | undefined;
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

function guardBy(standingOf: (c: Context) => Standing): MiddlewareHandler<AuthenticatedEnv> {
  return createMiddleware<AuthenticatedEnv>(async function countersign(c, next) {
    const { judge, servesEveryRoute, onRefusal } = standingOf(c);
    const guard = servesEveryRoute === true ? undefined : routePath(c);
    try {
      const { delivery, duplicateOf } = await judge({
        request: c.req.raw,
        guard,
        environment: c.env,
        // What the request itself says of it would cost Node's adapter a whole Request.
        isBodyRead: Object.keys(c.req.bodyCache).length > 0,
      });
      // Handled already, or about to be: its sender need not send it again.
      if (duplicateOf !== undefined) return c.json({ event: duplicateOf, duplicate: true }, 200);
      giveBack(c, delivery.body);
      c.set("delivery", delivery);
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      const answer = await onRefusal?.(error, c);
      if (answer !== undefined) return answer;
      throw new RefusedRequest(error);
    }
    return next();
  });
}

/** As Hono has it. Its text is the answer's title. */
class RefusedRequest extends HTTPException {
  readonly #refused: RefusedError;

  constructor(refused: RefusedError) {
    super(refused.status as 500, { message: refused.message, cause: refused });
    this.#refused = refused;
  }

  override getResponse(): Response {
    return this.#refused.getResponse();
  }
}

/** To the methods of `c.req`, which make everything else of this. */
function giveBack({ req }: Context, { buffer }: Uint8Array<ArrayBuffer>): void {
  // Its methods put their promises there, whatever its type says.
  const bodyCache = req.bodyCache as { arrayBuffer?: unknown };
  bodyCache.arrayBuffer = Promise.resolve(buffer);
  const contentType = req.raw.headers.get("content-type") ?? "";
  if (!/form/i.test(contentType)) return;
  // A Hono before 4.13 would make a form of the bytes alone, which do not say where its parts begin.
  let form: Promise<FormData> | undefined;
  Object.defineProperty(bodyCache, "formData", {
    get: () => (form ??= new Response(buffer, { headers: { "content-type": contentType } }).formData()),
    set(other) {
      form = other;
    },
  });
}
