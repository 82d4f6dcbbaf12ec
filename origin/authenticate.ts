// The guard of a route in a Hono app, over options that are read already.

import type { Context, MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { routePath } from "hono/route";
import type { Delivery } from "../core/delivery.ts";
import type { AuthenticateOptions } from "./authenticate-options.ts";
import { type Judge, judgeBy, RefusedError } from "./verifier.ts";

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

/** Middleware over options that may change while it stands. */
export function authenticate(
  options: AuthenticateOptions,
  onRefusal?: AnswerRefusal,
): MiddlewareHandler<AuthenticatedEnv> {
  const judge = judgeBy(options);
  return guardBy(() => ({ judge, servesEveryRoute: options.servesEveryRoute, onRefusal }));
}

/** What a guard does with one request. */
export interface Standing {
  readonly judge: Judge;
  readonly servesEveryRoute?: boolean | undefined;
  readonly onRefusal?: AnswerRefusal | undefined;
}

export function guardBy(standingOf: (c: Context) => Standing): MiddlewareHandler<AuthenticatedEnv> {
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
function giveBack({ req }: Context, body: Uint8Array<ArrayBuffer>): void {
  // The octets alone, whatever else the buffer holds.
  const buffer = body.byteLength === body.buffer.byteLength ? body.buffer : body.slice().buffer;
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
