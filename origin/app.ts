// The stand-alone origin: every route of the policy, authenticated, stored, answered with 202 or by the handler.

import { type Context, Hono } from "hono";
import { publishKeys, type SigningKeys } from "../core/keys.ts";
import { JWKS_PATH } from "../core/wire.ts";
import type { Answers } from "./answers.ts";
import { type AuthenticatedEnv, authenticate } from "./authenticate.ts";
import type { AuthenticateOptions } from "./authenticate-options.ts";

export interface OriginAppParts {
  /** How senders are answered, where events are dispatched: its `accept` must be that of the options. */
  readonly answers?: Answers | undefined;
  /** This origin's own keys of now, where it signs for an upstream: published for it. */
  readonly keys?: (() => SigningKeys) | undefined;
}

/** An app that answers 202, or as `answers` says, once `accept` has returned, and a problem for everything else. */
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

/** Inherits from the options: a reload replaces the policy in them, and a copy would keep the old one. */
function forEveryRoute(options: AuthenticateOptions): AuthenticateOptions {
  return Object.create(options, { servesEveryRoute: { value: true } });
}
