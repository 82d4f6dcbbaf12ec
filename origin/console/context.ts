// The data that every page of the console has about its request.

import type { Context } from "hono";
import type { Policy } from "../../core/policy/policy.ts";
import { systemClock } from "../clock.ts";
import type { ConsoleOptions, ConsoleParts, ConsoleVisitor } from "./options.ts";

export interface ConsoleEnv {
  Variables: { visitor: ConsoleVisitor; nonce: string };
}

export type ConsoleContext = Context<ConsoleEnv>;

/** The settings of one console: its options, with the defaults. */
export interface Setting extends Omit<ConsoleOptions, "policy" | "path" | "hosts" | "log" | "places"> {
  readonly policy: () => Policy;
  /** The beginning of every link: empty, or a path without a slash at its end. */
  readonly base: string;
  readonly isOwnHost: (host: string) => boolean;
  readonly log: NonNullable<ConsoleOptions["log"]>;
  readonly places: NonNullable<ConsoleOptions["places"]>;
  readonly parts: ConsoleParts;
  /**
   * A random token that is new at every start. Every form contains the token, and only a program that can read a page knows it. So
   * a page of another site cannot send a valid form.
   */
  readonly formToken: string;
}

/** One request to one console. */
export interface View {
  readonly setting: Setting;
  readonly visitor: ConsoleVisitor;
  readonly nonce: string;
  /** The URL with path and query. */
  readonly url: URL;
  /** The time in Unix seconds. */
  readonly now: number;
  /** The time at which the request began, as `performance.now()` returned it. */
  readonly begunAt: number;
}

export function viewOf(c: ConsoleContext, setting: Setting): View {
  return {
    setting,
    visitor: c.var.visitor,
    nonce: c.var.nonce,
    url: new URL(c.req.url),
    now: systemClock(),
    begunAt: performance.now(),
  };
}

/** Returns true if the response should be JSON with the facts of the page. */
export function wantsJson(c: ConsoleContext): boolean {
  const accept = c.req.header("accept") ?? "";
  return accept.includes("application/json") && !accept.includes("text/html");
}
