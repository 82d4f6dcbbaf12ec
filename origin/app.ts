// The stand-alone origin: every route of the policy is authenticated, stored, and answered with 202 or by the handler.

import { type Context, Hono } from "hono";
import { publishKeys, type SigningKeys } from "../core/assertion/keys.ts";
import { JWKS_PATH } from "../core/wire.ts";
import { type AuthenticatedEnv, authenticate } from "./authenticate.ts";
import type { HandlerReplies } from "./dispatch/reply.ts";
import type { AuthenticateOptions } from "./options.ts";

export interface OriginAppParts {
  /** Answers the senders if events are dispatched. Its `accept` must be the one in the options. */
  readonly answers?: HandlerReplies | undefined;
  /** The current signing keys of this origin, if it signs for an upstream. The app publishes them. */
  readonly keys?: (() => SigningKeys) | undefined;
}

/** Makes an app that answers 202, or as `answers` says, after `accept` has returned, and with a problem otherwise. */
export function createOriginApp(options: AuthenticateOptions, { answers, keys }: OriginAppParts = {}): Hono {
  const app = new Hono();
  if (keys !== undefined) app.get(JWKS_PATH, () => publishKeys(keys()));
  const answer = async (c: Context<AuthenticatedEnv>) =>
    answers === undefined ? c.json({ event: c.var.delivery.id }, 202) : await answers.answer(c.var.delivery);
  app.all(
    "*",
    authenticate(forEveryRoute(options), (refused) => refused.getResponse()),
    answer,
  );
  return app;
}

/** Inherits from the options instead of copying them: a reload replaces the policy in them. */
function forEveryRoute(options: AuthenticateOptions): AuthenticateOptions {
  return Object.create(options, { servesEveryRoute: { value: true } });
}
