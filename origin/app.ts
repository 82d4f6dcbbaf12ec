// The stand-alone origin. It authenticates requests for every route of the policy, and stores the events. It answers with 202, with
// the fixed answer of the route, or with the response of the handler.

import { type Context, Hono } from "hono";
import { publishKeys, type SigningKeys } from "../core/assertion/keys.ts";
import { JWKS_PATH } from "../core/wire.ts";
import { acknowledge, keptRoute } from "./acknowledgement.ts";
import { type AuthenticatedEnv, authenticate } from "./authenticate.ts";
import type { HandlerReplies } from "./dispatch/reply.ts";
import type { AuthenticateOptions } from "./options.ts";

export interface OriginAppParts {
  /**
   * Makes the responses to senders. It is set only if events are dispatched. In this case, the option `accept` must be the method
   * `accept` of this object.
   */
  readonly answers?: HandlerReplies | undefined;
  /** The current signing keys of this origin, if it signs for an upstream. The app publishes their public members. */
  readonly keys?: (() => SigningKeys) | undefined;
}

/**
 * Makes an app that answers after `accept` has returned: with 202, with the fixed answer of the route, or with the response of
 * `answers`. A refused request is answered with a problem (RFC 9457).
 */
export function createOriginApp(options: AuthenticateOptions, { answers, keys }: OriginAppParts = {}): Hono {
  const app = new Hono();
  if (keys !== undefined) app.get(JWKS_PATH, () => publishKeys(keys()));
  const answer = async ({ var: { delivery } }: Context<AuthenticatedEnv>) =>
    answers === undefined
      ? acknowledge(keptRoute(delivery).acknowledgement, { event: delivery.id }, 202)
      : await answers.answer(delivery);
  app.all(
    "*",
    authenticate(forEveryRoute(options), (refused) => refused.getResponse()),
    answer,
  );
  return app;
}

/**
 * Returns an object that inherits from the options. A copy would keep the old policy, because a reload replaces the policy in the
 * original object.
 */
function forEveryRoute(options: AuthenticateOptions): AuthenticateOptions {
  return Object.create(options, { servesEveryRoute: { value: true } });
}
