// The guard of a route in a Hono app. Its options have already been checked.

import type { Context, MiddlewareHandler } from "hono";
import { createMiddleware } from "hono/factory";
import { HTTPException } from "hono/http-exception";
import { routePath } from "hono/route";
import type { Delivery } from "../core/delivery/delivery.ts";
import { acknowledge } from "./acknowledgement.ts";
import type { AuthenticateOptions } from "./options.ts";
import { type Judge, judgeBy, RefusedError } from "./verifier.ts";

/** The variables that a guarded handler can read from `c.var`. */
export type CountersignVariables = {
  /** The event: body bytes, sender, certificate, and what was checked. */
  delivery: Delivery;
};

/** The environment of an app behind a guard. */
export type AuthenticatedEnv = { Variables: CountersignVariables };

/**
 * Returns the response to a refused request. This response replaces the problem document (RFC 9457) that describes the refusal. If
 * the function returns nothing, the guard throws an HTTPException for `app.onError`.
 */
export type AnswerRefusal = (
  refused: RefusedError,
  c: Context,
  // biome-ignore lint/suspicious/noConfusingVoidType: a user's own function may return nothing
) => Response | void | Promise<Response | void>;

/** Makes middleware from options that may change while the middleware is in use. */
export function authenticate(
  options: AuthenticateOptions,
  onRefusal?: AnswerRefusal,
): MiddlewareHandler<AuthenticatedEnv> {
  const judge = judgeBy(options);
  return guardBy(() => ({ judge, servesEveryRoute: options.servesEveryRoute, onRefusal }));
}

/** The values that a guard needs for one request. */
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
      const verified = await judge({
        request: c.req.raw,
        guard,
        environment: c.env,
        // Does not read `c.req.raw.bodyUsed`, because Node's adapter would then build a whole Request.
        isBodyRead: Object.keys(c.req.bodyCache).length > 0,
      });
      if (verified instanceof Response) return verified;
      const { delivery, duplicateOf, acknowledgement } = verified;
      // The event is a duplicate of a stored event, which was handled or will be handled. So the request is answered with success,
      // and the handler does not run.
      if (duplicateOf !== undefined) return acknowledge(acknowledgement, { event: duplicateOf, duplicate: true }, 200);
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

/** The exception that makes Hono answer with `getResponse()`. Its message is the title of the problem. */
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

/** Puts the body into Hono's cache, so that `c.req.json()`, `c.req.text()` and the other methods of `c.req` read it from there. */
function giveBack({ req }: Context, body: Uint8Array<ArrayBuffer>): void {
  // A buffer that is larger than the body also holds other octets, so the body is then copied.
  const buffer = body.byteLength === body.buffer.byteLength ? body.buffer : body.slice().buffer;
  // Hono's own methods store promises in this cache, although the type of the cache says otherwise.
  const bodyCache = req.bodyCache as { arrayBuffer?: unknown };
  bodyCache.arrayBuffer = Promise.resolve(buffer);
  const contentType = req.raw.headers.get("content-type") ?? "";
  if (!/form/i.test(contentType)) return;
  // A form is parsed here, because a Hono before 4.13 does not use the Content-Type, which holds the boundary of the form's parts.
  let form: Promise<FormData> | undefined;
  Object.defineProperty(bodyCache, "formData", {
    get: () => (form ??= new Response(buffer, { headers: { "content-type": contentType } }).formData()),
    set(other) {
      form = other;
    },
  });
}
